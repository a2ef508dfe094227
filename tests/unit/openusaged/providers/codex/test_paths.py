"""Homes, rollout files and the rollout of one thread."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openusaged.providers.codex.paths import (
    discover,
    find_rollout,
    owned_rollout,
    units,
    uuid7_ms,
    watch,
)
from tests.support.codex_log import CHILD, PARENT, account, machine, rollout_path, write

THREAD_7 = "019e83a8-a100-7abc-8000-000000000001"  # created 2026-06-01T18:21 UTC


def _names(home):
    return [os.path.basename(unit.path) for unit in units(account(home), machine(home))]


class TestDiscover:
    def test_nothing_there_is_no_account(self, tmp_path):
        """A machine without Codex has no account."""
        assert list(discover(machine(tmp_path))) == []

    def test_default_home_is_codex_cli(self, tmp_path):
        """`~/.codex` is the account `codex-cli`."""
        (tmp_path / ".codex/sessions").mkdir(parents=True)
        (one,) = discover(machine(tmp_path))
        assert (one.id, one.home, one.origin) == ("codex-cli", str(tmp_path / ".codex"), "default")

    def test_auth_file_alone_is_an_account(self, tmp_path):
        """A login without a session has limits to show, also in the old place."""
        write(tmp_path / ".config/codex/auth.json", ["{}"])
        (one,) = discover(machine(tmp_path))
        assert one.paths["auth"] == str(tmp_path / ".config/codex/auth.json")

    def test_codex_home_replaces_the_default(self, tmp_path):
        """A list names several homes; each is an account with a readable, stable id."""
        for name in (".codex", "work", "b/.codex", "c/codex"):
            (tmp_path / name / "archived_sessions").mkdir(parents=True)
        listed = f"~/work, {tmp_path}/b/.codex,,~/work,~/c/codex,~/gone"
        ids = [one.id for one in discover(machine(tmp_path, CODEX_HOME=listed))]
        assert ids == ["codex-cli:work", "codex-cli:b", "codex-cli:c"]
        (one,) = discover(machine(tmp_path, CODEX_HOME="~/.codex"))
        assert one.id == "codex-cli"

    def test_equal_names_stay_apart_in_any_order(self, tmp_path):
        """Homes of one name get ids from their paths, whatever the order of the list."""
        homes = [tmp_path / "a/codex-data", tmp_path / "b/codex-data"]
        for home in homes:
            (home / "sessions").mkdir(parents=True)

        def ids(*paths):
            listed = ",".join(map(str, paths))
            return {one.home: one.id for one in discover(machine(tmp_path, CODEX_HOME=listed))}

        assert len(set(ids(*homes).values())) == 2
        assert ids(*homes) == ids(*reversed(homes))

    def test_saved_exec_output_is_a_home(self, tmp_path):
        """A directory of `codex exec --json` output is read itself, if the user names it."""
        write(tmp_path / "ci/run.jsonl", ["{}"])
        write(tmp_path / "ci/history.jsonl", ["{}"])
        (one,) = discover(machine(tmp_path, CODEX_HOME="~/ci"))
        assert [os.path.basename(unit.path) for unit in units(one, machine(tmp_path))] == [
            "run.jsonl"
        ]


class TestUnits:
    def test_rollouts_come_in_the_order_of_their_start(self, tmp_path):
        """Parents precede their forks: names sort by time, also across the archive."""
        for name in ("sessions/2026/06/02/rollout-2026-06-02T00-00-00-b.jsonl",
                     "archived_sessions/rollout-2026-06-01T00-00-00-a.jsonl",
                     "sessions/2026/06/03/rollout-2026-06-03T00-00-00-c.jsonl",
                     "sessions/2026/06/03/notes.txt"):  # fmt: skip
            write(tmp_path / name, ["{}"])
        assert [name[-7:] for name in _names(tmp_path)] == ["a.jsonl", "b.jsonl", "c.jsonl"]

    def test_live_copy_wins_over_the_archived_one(self, tmp_path):
        """A chat in both places is one unit, although archiving flattens the folders."""
        name = "rollout-2026-06-02T00-00-00-b.jsonl"
        write(tmp_path / "archived_sessions" / name, ["{}"])
        live = write(tmp_path / "sessions/2026/06/02" / name, ["{}"])
        write(tmp_path / "sessions/x/other.jsonl", ["{}"])
        write(tmp_path / "archived_sessions/x/other.jsonl", ["{}"])
        found = [unit.path for unit in units(account(tmp_path), machine(tmp_path))]
        assert found == [str(tmp_path / "sessions/x/other.jsonl"), str(live)]

    def test_empty_sessions_directory_hides_other_files(self, tmp_path):
        """A real home is not searched for stray files."""
        (tmp_path / "sessions").mkdir()
        write(tmp_path / "log/codex.jsonl", ["{}"])
        assert _names(tmp_path) == []

    def test_saved_output_is_watched_where_it_lies(self, tmp_path):
        """A home with nothing but saved output is followed, too."""
        (tmp_path / "run.jsonl").write_text("", encoding="utf-8")
        assert str(tmp_path) in watch(account(tmp_path), machine(tmp_path))
        (tmp_path / "sessions").mkdir()
        assert str(tmp_path) not in watch(account(tmp_path), machine(tmp_path))

    def test_watched_directories_are_those_with_rollouts(self, tmp_path):
        """Both places are watched, existing or not."""
        assert [Path(path).name for path in watch(account(tmp_path), machine(tmp_path))] == [
            "sessions",
            "archived_sessions",
        ]


class TestFindRollout:
    @pytest.mark.parametrize("day", ["2026/05/31", "2026/06/01", "2026/06/02"])
    def test_thread_is_found_near_its_creation_day(self, tmp_path, day):
        """The folder is in local time: a day to either side is looked at."""
        path = write(rollout_path(tmp_path, THREAD_7, f"sessions/{day}"), ["{}"])
        assert find_rollout(str(tmp_path), THREAD_7) == str(path)

    def test_archived_thread_is_found(self, tmp_path):
        """An archived chat is still found."""
        path = write(rollout_path(tmp_path, THREAD_7, "archived_sessions"), ["{}"])
        assert find_rollout(str(tmp_path), THREAD_7) == str(path)

    def test_id_without_time_is_searched_for(self, tmp_path):
        """Ids that carry no time cost a walk."""
        path = write(rollout_path(tmp_path, PARENT, "sessions/2020/01/01"), ["{}"])
        assert find_rollout(str(tmp_path), PARENT) == str(path)

    @pytest.mark.parametrize("thread", ["", "../x", THREAD_7, CHILD])
    def test_unknown_thread_has_no_rollout(self, tmp_path, thread):
        """Nothing is found for ids that are not there or no ids."""
        write(rollout_path(tmp_path), ["{}"])
        assert find_rollout(str(tmp_path), thread) == ""

    def test_time_of_ids(self):
        """Only ids of version 7 with a plausible time carry one."""
        assert uuid7_ms(THREAD_7) == 0x019E83A8A100
        assert uuid7_ms(PARENT) is None
        assert uuid7_ms("z19e83a8-a100-7abc-8000-000000000001") is None
        assert uuid7_ms("ffffffff-ffff-7abc-8000-000000000001") is None
        assert uuid7_ms("0") is None


class TestOwnedRollout:
    def test_log_below_a_home_is_accepted(self, tmp_path):
        """A path that a hook names is taken if it is a log of a known home."""
        path = write(rollout_path(tmp_path / ".codex"), ["{}"])
        assert owned_rollout(str(path), machine(tmp_path)) == os.path.realpath(path)

    def test_everything_else_is_refused(self, tmp_path):
        """Other places, other files, links that lead out, and nothing at all are refused."""
        outside = write(tmp_path / "x.jsonl", ["{}"])
        home = tmp_path / ".codex"
        secret = write(home / "auth.json", ["{}"])
        link = home / "sessions" / "l.jsonl"
        link.parent.mkdir()
        link.symlink_to(outside)
        for path in (outside, secret, link, home / "gone.jsonl", home / "..", ""):
            assert owned_rollout(str(path), machine(tmp_path)) == ""
        assert owned_rollout(f"{home}/sessions/../../x.jsonl", machine(tmp_path)) == ""
