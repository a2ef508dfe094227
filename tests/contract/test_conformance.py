"""What every provider promises, whatever its service: one suite over all of them."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import os
import shutil
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from openusaged.core.models import (
    ACCOUNT_AUTH_REQUIRED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
    CHANNEL_PRIORITY,
    EVENT_TYPES,
)
from openusaged.providers import registry
from openusaged.providers.base import CollectContext, Machine
from tests.support.provider_case import DATA, cases, counted, open_case

PROVIDERS = registry.provider_ids()
FETCHING = [name for name in PROVIDERS if registry.load(name).fetch is not None]
COLLECTING = [name for name in PROVIDERS if registry.load(name).collect is not None]
KINDS = {"agent", "ide", "api"}
AUTHS = {"local", "oauth", "api_key", "token", "cookie"}
DOC_KEYS = ["kind", "reads", "env"]
HEALTHY = {ACCOUNT_OK, ACCOUNT_NEAR_LIMIT}


def first_case(provider_id: str, wanted: str) -> str:
    """The provider's first case that has `routes` (to poll) or a `home` (to read)."""
    for provider, name in cases():
        if provider == provider_id:
            directory = DATA / provider / name
            if wanted == "home" and (directory / "home").is_dir():
                return name
            if wanted == "routes" and '"routes"' in (directory / "case.json").read_text():
                return name
    pytest.fail(f"{provider_id} has no case with {wanted}")


@pytest.mark.parametrize("provider_id", PROVIDERS)
class TestFacts:
    def test_docstring_tells_kind_sources_and_variables(self, provider_id):
        """The module's docstring holds the facts that the documentation is made from."""
        module = importlib.import_module(f"openusaged.providers.{provider_id}")
        text = ast.get_docstring(ast.parse(Path(module.__file__).read_text())) or ""
        title, _, facts = text.partition("\n\n")
        assert ":" in title
        assert title.rstrip().endswith(".")
        keys = [line.split(":")[0] for line in facts.splitlines() if line and line[0] != " "]
        keys = [key for key in keys if key in DOC_KEYS]
        assert keys[:2] == ["kind", "reads"], keys
        assert f"kind: {registry.load(provider_id).spec.kind}" in facts

    def test_spec_is_complete(self, provider_id):
        """Identity, kind, sign-in and set-up are stated, and every gauge is a metric."""
        provider = registry.load(provider_id)
        spec = provider.spec
        assert spec.id == provider_id
        assert all((spec.title, spec.description, spec.setup))
        assert spec.kind in KINDS
        assert spec.auth in AUTHS
        assert provider.collect or provider.fetch
        keys = [metric.key for metric in spec.metrics]
        assert len(keys) == len(set(keys))
        if provider.fetch is not None:
            assert keys, "what can a poll return?"
        for widget in (spec.dashboard, spec.detail):
            assert set(widget.gauges) <= set(keys)
        for metric in spec.metrics:
            assert all((metric.label, metric.unit)), metric

    def test_local_parts_come_together(self, provider_id):
        """Whoever collects can list, watch and find; whoever is found by files says where."""
        provider = registry.load(provider_id)
        assert (provider.collect is None) == (provider.units is None)
        if provider.collect is not None:
            assert all((provider.discover, provider.watch, provider.roots))
        if provider.discover is None:
            assert provider.spec.keys or provider.spec.cookie

    def test_empty_home_holds_no_account(self, provider_id, tmp_path):
        """A machine without the tool has no account of it, and looking leaves nothing behind."""
        provider = registry.load(provider_id)
        machine = Machine(env={"HOME": str(tmp_path)}, home=str(tmp_path))
        assert provider.discover is None or list(provider.discover(machine)) == []
        assert os.listdir(tmp_path) == []

    def test_source_has_a_recorded_case(self, provider_id):
        """At least one recorded machine proves the provider's numbers."""
        assert any(provider == provider_id for provider, _ in cases())


@pytest.mark.parametrize("provider_id", FETCHING)
class TestPolling:
    @pytest.mark.parametrize("fault", ["401", "403"])
    def test_refused_credentials_are_named(self, provider_id, fault, tmp_path):
        """Refused credentials are a state with a sentence, never an empty success."""
        with open_case(provider_id, first_case(provider_id, "routes"), tmp_path) as case:
            case.server.fault = fault
            snapshot, _ = case.poll(case.accounts()[0])
        assert snapshot.status == ACCOUNT_AUTH_REQUIRED, snapshot
        assert snapshot.message

    @pytest.mark.parametrize(
        "fault", ["404", "500", "503", "garbage", "array", "slow", "huge", "refuse"]
    )
    def test_no_usable_answer_is_never_shown_as_well(self, provider_id, fault, tmp_path):
        """A vendor that fails, or answers something else, is not OK and costs no exception."""
        with open_case(provider_id, first_case(provider_id, "routes"), tmp_path) as case:
            case.http.patience_s = 0.2
            account = case.accounts()[0]
            if fault == "refuse":
                account = _nowhere(account, case.server.url)
            else:
                case.server.fault = fault
            snapshot, _ = case.poll(account)
        assert snapshot.status not in HEALTHY or _from_logs(provider_id), snapshot
        assert snapshot.message

    @pytest.mark.parametrize("headers", [{}, {"Retry-After": "120"}])
    def test_asked_to_wait_waits(self, provider_id, headers, tmp_path):
        """A 429 is no success, and the wait that the vendor names is passed on."""
        with open_case(provider_id, first_case(provider_id, "routes"), tmp_path) as case:
            case.server.fault = "429"
            case.server.fault_headers = headers
            snapshot, _ = case.poll(case.accounts()[0])
        assert snapshot.status not in HEALTHY, snapshot
        assert snapshot.retry_after_s == (120.0 if headers else None)

    def test_wrong_types_are_no_figures(self, provider_id, tmp_path):
        """An answer whose leaves changed their types raises nothing and invents nothing."""
        with open_case(provider_id, first_case(provider_id, "routes"), tmp_path) as case:
            case.server.fault = "wrong_types"
            snapshot, events = case.poll(case.accounts()[0])
        assert "internal error" not in snapshot.message, snapshot
        assert events == []

    def test_only_declared_figures_are_returned(self, provider_id, tmp_path):
        """Keys of a good answer are declared, or extend a declared one (`key:model`)."""
        with open_case(provider_id, first_case(provider_id, "routes"), tmp_path) as case:
            snapshot, _ = case.poll(case.accounts()[0])
        declared = {metric.key for metric in registry.load(provider_id).spec.metrics}
        for metric in snapshot.metrics:
            assert metric.key.partition(":")[0] in declared, metric

    def test_secrets_are_in_no_answer(self, provider_id, tmp_path):
        """Neither a good nor a failed poll repeats the key, the cookie or a token of the home."""
        with open_case(provider_id, first_case(provider_id, "routes"), tmp_path) as case:
            told = [case.poll(case.accounts()[0])]
            for fault in ("401", "garbage", "404"):
                case.server.fault = fault
                told.append(case.poll(case.accounts()[0]))
            text = msgspec.json.encode(told).decode()
        for secret in (case.document.get("secret"), case.document.get("cookie")):
            assert not secret or secret not in text


def _from_logs(provider_id: str) -> bool:
    """Codex's newest rollout holds limits that are good although the vendor does not answer."""
    return provider_id == "codex"


def _nowhere(account, server: str):
    """The account with every address of the test server replaced by one where nobody listens."""
    text = msgspec.json.encode(account).decode().replace(server, "http://127.0.0.1:9")
    return msgspec.json.decode(text, type=type(account))


@pytest.mark.parametrize("provider_id", COLLECTING)
class TestCollecting:
    def test_events_are_well_formed(self, provider_id, tmp_path):
        """Every event names source, channel, type and time by the rules of the core."""
        with open_case(provider_id, first_case(provider_id, "home"), tmp_path) as case:
            events = [event for account in case.accounts() for event in case.read(account, {})]
            kept = counted(events, "x")
        assert kept, "the first case must hold usage"
        for event in events:
            assert event.channel in CHANNEL_PRIORITY
            assert event.event_type in EVENT_TYPES
            assert event.source
            assert event.session_id
            assert (event.reasoning or 0) <= (event.output or 0) or event.output is None

    def test_units_are_below_what_is_watched(self, provider_id, tmp_path):
        """A change of any unit is noticed: it lies in a watched directory of its account."""
        with open_case(provider_id, first_case(provider_id, "home"), tmp_path) as case:
            for account in case.accounts():
                watched = [
                    os.path.realpath(place if isinstance(place, str) else place.path)
                    for place in case.provider.watch(account, case.machine)
                ]
                units = case.units(account)
                assert units
                for unit in units:
                    path = os.path.realpath(unit.path)
                    assert any(path == one or path.startswith(one + os.sep) for one in watched)
                    if case.provider.locate is not None:
                        found = case.provider.locate(account, unit.path, case.machine)
                        assert found is not None
                        assert found.path == unit.path

    @pytest.mark.parametrize("damage", ["empty", "half", "binary", "directory"])
    def test_damaged_records_cost_only_themselves(self, provider_id, damage, tmp_path):
        """A damaged file is passed over or reported as unreadable; it never invents usage."""
        with open_case(provider_id, first_case(provider_id, "home"), tmp_path) as case:
            account = case.accounts()[0]
            whole = {_id(event): event for event in counted(case.read(account, {}), "x")}
            for unit in case.units(account):
                if os.path.isfile(unit.path):
                    _damage(unit.path, damage)
            read, reasons = [], []
            for unit in case.units(account):
                context = _context(case)
                try:
                    for chunk in case.provider.collect(account, unit, None, context):
                        read += chunk.events
                except Exception as error:  # the collector notes it with the unit's path
                    reasons.append(str(error))
        assert all(reasons), "a failure must say what it is"
        for event in counted(read, "x"):
            assert _id(event) in whole, "a damaged file has made up an event"

    def test_second_copy_of_the_home_counts_once(self, provider_id, tmp_path):
        """A home that was copied, by a backup or a new machine, brings nothing new."""
        case_name = first_case(provider_id, "home")
        read = {}
        for place in ("first", "second"):
            (tmp_path / place).mkdir()
            with open_case(provider_id, case_name, tmp_path / place) as case:
                read[place] = [
                    event for account in case.accounts() for event in case.read(account, {})
                ]
        once, both = counted(read["first"], "x"), counted(read["first"] + read["second"], "x")
        assert [_numbers(event) for event in both] == [_numbers(event) for event in once]

    def test_order_of_the_files_does_not_matter(self, provider_id, tmp_path):
        """Units read in another order, those of a group in theirs, add up to the same."""
        with open_case(provider_id, first_case(provider_id, "home"), tmp_path) as case:
            account = case.accounts()[0]
            sums = []
            for backwards in (False, True):
                units = sorted(
                    case.units(account), key=lambda unit: unit.group or unit.path, reverse=backwards
                )
                read = [
                    event
                    for unit in units
                    for chunk in case.provider.collect(account, unit, None, _context(case))
                    for event in chunk.events
                ]
                sums.append(_sums(counted(read, "x")))
        assert sums[0] == sums[1]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
    def test_unreadable_records_are_reported(self, provider_id, tmp_path):
        """A file that may not be read is said to be so; it is not taken for an empty one."""
        with open_case(provider_id, first_case(provider_id, "home"), tmp_path) as case:
            account = case.accounts()[0]
            for unit in case.units(account):
                os.chmod(unit.path, 0)
            refusals = []
            for unit in case.units(account):
                try:
                    for chunk in case.provider.collect(account, unit, None, _context(case)):
                        assert not chunk.events
                except Exception as error:  # the collector notes it with the unit's path
                    refusals.append(str(error))
        # A record that only repeats another may be left closed.
        assert refusals
        assert all(refusals)

    def test_growing_records_arrive_once(self, provider_id, tmp_path):
        """Files that appear one after the other bring the same as all at once."""
        with open_case(provider_id, first_case(provider_id, "home"), tmp_path) as case:
            account = case.accounts()[0]
            whole = counted(case.read(account, {}), "x")
            files = [unit.path for unit in case.units(account) if os.path.isfile(unit.path)]
            aside = tmp_path / "aside"
            aside.mkdir()
            for number, path in enumerate(files):
                shutil.move(path, aside / str(number))
            cursors, read = {}, []
            for number, path in enumerate(files):
                shutil.move(aside / str(number), path)
                read += case.read(account, cursors)
        assert counted(read, "x") == whole


def _context(case):
    return CollectContext(machine=case.machine)


def _numbers(event):
    return tuple(
        getattr(event, name)
        for name in ("ts_ms", "event_type", "model", "session_id", "input", "cache_read",
                     "cache_write_5m", "cache_write_1h", "output", "requests", "cost_nano")
    )  # fmt: skip


def _sums(events):
    sums = Counter()
    for event in events:
        for name in ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output"):
            sums[event.model, event.event_type, name] += getattr(event, name) or 0
    return sums


def _id(event):
    return tuple(getattr(event, name) for name in ("ts_ms", "session_id", "model", "tool_name"))


def _damage(path: str, damage: str) -> None:
    data = Path(path).read_bytes()
    if damage == "empty":
        Path(path).write_bytes(b"")
    elif damage == "half":
        Path(path).write_bytes(data[: len(data) // 2])
    elif damage == "binary":
        Path(path).write_bytes(bytes(range(256)) * 64)
    else:
        os.unlink(path)
        os.mkdir(path)


def test_specs_are_values():
    """Nothing of a provider can be changed at run time."""
    for provider_id in PROVIDERS:
        with pytest.raises(dataclasses.FrozenInstanceError):
            registry.load(provider_id).spec.id = "other"
