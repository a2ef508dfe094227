"""Amp's threads and ledgers while they grow: every call once, whichever report comes first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import MESSAGE_USAGE, Account, SourceCursor, UsageEvent
from openusaged.providers.amp import PROVIDER, paths
from openusaged.providers.base import CollectContext, Machine, Shallow
from openusaged.providers.shared.files import is_unchanged
from tests.support.provider_case import counted

DATA = ".local/share/amp"


class Amp:
    """A data directory, read as the collector reads it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.machine = Machine(env={}, home=str(home))
        self.cursors: dict[str, SourceCursor] = {}
        (home / DATA / "threads").mkdir(parents=True)

    def thread(self, messages: list[Any], **more: Any) -> None:
        document = {"id": "T-1", "created": 1767261600000, "messages": messages, **more}
        (self.home / DATA / "threads" / "T-1.json").write_text(json.dumps(document))

    def read(self, *, chunk_events: int = 2000) -> list[UsageEvent]:
        [account] = PROVIDER.discover(self.machine)
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        events: list[UsageEvent] = []
        for unit in PROVIDER.units(account, self.machine):
            cursor = self.cursors.get(unit.path)
            if is_unchanged(unit, cursor):
                continue
            for chunk in PROVIDER.collect(account, unit, cursor, context):
                events += chunk.events
                self.cursors[unit.path] = chunk.cursor
        return events


@pytest.fixture
def amp(tmp_path) -> Amp:
    return Amp(tmp_path)


def answer(number: int, output: int, **usage: Any) -> dict[str, Any]:
    return {
        "role": "assistant",
        "messageId": number,
        "usage": {"timestamp": "2026-01-01T10:00:01Z", "model": "m", "outputTokens": output}
        | usage,
    }


def logged(name: str, number: int | None, **tokens: int) -> dict[str, Any]:
    return {
        "id": name,
        "timestamp": "2026-01-01T10:00:02Z",
        "model": "m",
        "tokens": tokens,
        "toMessageId": number,
        "credits": 0.5,
    }


class TestThreads:
    def test_ledger_that_comes_later_counts_nothing_twice(self, amp):
        """A call known from its message gets its credits, not a second event."""
        amp.thread([answer(1, 7, cacheReadInputTokens=90)])
        first = amp.read()
        amp.thread(
            [answer(1, 7, cacheReadInputTokens=90)],
            usageLedger={"events": [logged("ev-1", 1, input=3, output=7, total=100)]},
        )
        [event] = counted(first + amp.read(), "amp")
        assert (event.input, event.cache_read, event.output) == (3, 90, 7)
        assert (event.cost_nano, event.currency) == (500_000_000, "credits")

    def test_growing_thread_brings_only_what_is_new(self, amp):
        """Of a rewritten thread the answers already reported stay out; a tool's result is news."""
        tool = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
        amp.thread([answer(1, 7) | {"content": [tool]}])
        assert [event.status for event in amp.read()] == ["ok", "unknown"]
        result = {"type": "tool_result", "toolUseID": "t1", "run": {"status": "cancelled"}}
        amp.thread([answer(1, 7) | {"content": [tool, result]}, answer(2, 5)])
        assert [(event.tool_name, event.output, event.status) for event in amp.read()] == [
            ("", 5, "ok"),
            ("bash", None, "aborted"),
        ]

    def test_further_events_of_a_message_have_no_cache_counts(self, amp):
        """A retry is a call of its own; the message's cache counts belong to one of them."""
        amp.thread(
            [answer(1, 7, cacheReadInputTokens=90)],
            usageLedger={
                "events": [logged("ev-1", 1, input=3, output=7), logged("ev-2", 1, input=3)]
            },
        )
        assert [(e.message_id, e.cache_read) for e in amp.read()] == [
            ("T-1:1", 90),
            ("T-1:ev-2", None),
        ]

    def test_message_with_a_total_only_is_output(self, amp):
        """What a total holds beyond the parts is priced as output."""
        amp.thread([answer(1, 0, total=40, inputTokens=10)])
        assert [(event.input, event.output) for event in amp.read()] == [(10, 30)]

    def test_messages_without_an_id_are_told_apart(self, amp):
        """Their place in the thread names them; tools without an id or a name are passed over."""
        blocks = [{"type": "tool_use", "id": "t1"}, {"type": "tool_use", "name": "Bash"}, 7]
        first = answer(True, 1) | {"content": blocks}  # type: ignore[arg-type]
        amp.thread([first, answer(None, 2)])  # type: ignore[arg-type]
        assert [event.message_id for event in amp.read()] == ["T-1:row-0", "T-1:row-1"]

    @pytest.mark.parametrize("uri", ["http://x/y", "file://[x/y", 7])
    def test_directory_that_is_no_file_is_unknown(self, amp, uri):
        """Only a local directory is a project."""
        amp.thread([answer(1, 1)], env={"initial": {"trees": [{"uri": uri}]}})
        assert [event.cwd for event in amp.read()] == [""]

    def test_thread_without_an_id_is_named_by_its_file(self, amp):
        """Nothing is lost when a thread does not say its own name."""
        amp.thread([answer(1, 1)], id=None)
        assert [event.session_id for event in amp.read()] == ["T-1"]

    def test_half_written_thread_is_reported_and_read_later(self, amp):
        """A thread caught while it is written moves no cursor; an empty one holds nothing."""
        path = amp.home / DATA / "threads" / "T-1.json"
        path.write_text("")
        assert amp.read() == []
        path.write_text('{"id": "T-1", "messages": [{"ro')
        with pytest.raises(ProviderError, match=r"T-1\.json"):
            amp.read()
        amp.thread([answer(1, 1)])
        assert len(amp.read()) == 1


class TestLedger:
    def test_lines_are_read_once_as_they_come(self, amp):
        """Only complete new lines are read; bounded chunks lose and repeat nothing."""
        path = amp.home / DATA / "ledger.jsonl"
        line = json.dumps({"toMessageId": "m1", "credits": 1, "timestamp": "2026-01-01T10:00:00Z"})
        path.write_text(f"{line}\n" + line.replace("m1", "m2"))
        assert [event.message_id for event in amp.read()] == ["m1"]
        with path.open("a") as file:
            file.write("\n" + line.replace("m1", "m3") + "\n")
        assert [event.message_id for event in amp.read()] == ["m2", "m3"]
        assert amp.read() == []
        amp.cursors.clear()
        whole = amp.read(chunk_events=1)
        assert [event.message_id for event in whole] == ["m1", "m2", "m3"]
        assert {event.event_type for event in whole} == {MESSAGE_USAGE}


class TestPlaces:
    def test_directories_of_the_variable_are_accounts_of_their_own(self, tmp_path):
        """AMP_DATA_DIR replaces all other places; several directories are several accounts."""
        for name in ("a/amp", "b/amp", DATA):
            (tmp_path / name).mkdir(parents=True)
        machine = Machine(env={"AMP_DATA_DIR": "~/a/amp, ~/b/amp, ~/c"}, home=str(tmp_path))
        found = {account.id: account.home for account in PROVIDER.discover(machine)}
        assert found == {"amp": f"{tmp_path}/a/amp", "amp:b": f"{tmp_path}/b/amp"}
        assert len(list(PROVIDER.roots(machine))) == 3

    def test_macos_is_looked_at_in_both_places(self, tmp_path):
        """Amp uses ~/.local/share on macOS, too; the system's own place is a further directory."""
        support = tmp_path / "Library/Application Support/amp"
        support.mkdir(parents=True)
        (tmp_path / DATA).mkdir(parents=True)
        machine = Machine(env={}, home=str(tmp_path), platform="darwin")
        [account] = PROVIDER.discover(machine)
        assert (account.home, account.paths) == (
            f"{tmp_path}/{DATA}",
            {"data_dir_2": str(support)},
        )

    def test_paths_of_the_settings_come_first(self, tmp_path):
        """`data_dir`, `threads_dir` and `ledger_path` each override what was found."""
        machine = Machine(env={}, home=str(tmp_path))
        (tmp_path / "mine/threads").mkdir(parents=True)
        (tmp_path / "mine/threads/T-1.json").write_text("{}")
        (tmp_path / "log.jsonl").write_text("")
        (tmp_path / "other").mkdir()
        account = Account(
            id="amp",
            provider_id="amp",
            home=str(tmp_path / "nowhere"),
            paths={"data_dir": "~/mine", "ledger_path": "~/log.jsonl"},
        )
        units = [unit.path for unit in PROVIDER.units(account, machine)]
        assert units == [f"{tmp_path}/mine/threads/T-1.json", f"{tmp_path}/log.jsonl"]
        assert list(PROVIDER.watch(account, machine)) == [
            f"{tmp_path}/mine/threads",
            Shallow(str(tmp_path)),
        ]
        threads = Account(id="amp", provider_id="amp", paths={"threads_dir": "~/other"})
        assert next(iter(PROVIDER.watch(threads, machine))) == f"{tmp_path}/other"

    def test_changed_file_is_its_own_unit(self, amp):
        """Threads and ledgers are found by their paths, other files are not."""
        amp.thread([])
        (amp.home / DATA / "ledger.jsonl").write_text("")
        [account] = PROVIDER.discover(amp.machine)
        for name in ("threads/T-1.json", "ledger.jsonl"):
            path = str(amp.home / DATA / name)
            unit = PROVIDER.locate(account, path, amp.machine)
            assert unit is not None
            assert unit.path == path
        for name in ("secrets.json", "threads/T-1.txt", "threads/gone.json"):
            assert PROVIDER.locate(account, str(amp.home / DATA / name), amp.machine) is None

    def test_account_that_names_nothing_has_the_usual_places(self, tmp_path):
        """An account of the settings without a home is read from where Amp writes."""
        account = Account(id="work", provider_id="amp")
        machine = Machine(env={}, home=str(tmp_path))
        assert paths.homes(account, machine)[0] == f"{tmp_path}/{DATA}"
