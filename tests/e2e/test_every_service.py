"""A machine with all services on it: found without configuration, imported in one go, all shown."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from openusaged.providers import registry
from tests.support.client import run_client
from tests.support.daemon import Daemon
from tests.support.provider_case import (
    DATA,
    Case,
    CaseServer,
    cases,
    copy_home,
    counted,
    fill,
    open_case,
)
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PROVIDERS = registry.provider_ids()
HEALTHY = {"OK", "NEAR_LIMIT", "LIMITED"}


@dataclass
class Service:
    """One service of the machine: the recorded case that stands for it and its vendor."""

    provider_id: str
    case: str
    document: dict[str, Any]
    server: CaseServer

    @property
    def key(self) -> str:
        """The variable that holds its key, empty for tools that are found by their files."""
        keys = registry.load(self.provider_id).spec.keys
        return keys[0].name if keys and self.document.get("secret") else ""


def _first_case(provider_id: str) -> str:
    """The case with local records, else the first with a vendor's answers."""
    of_provider = [name for provider, name in cases() if provider == provider_id]
    collects = registry.load(provider_id).collect is not None
    for name in of_provider:
        if collects and (DATA / provider_id / name / "home").is_dir():
            return name
    return next(
        name
        for name in of_provider
        if '"routes"' in (text := (DATA / provider_id / name / "case.json").read_text())
        and ('"secret"' in text or '"cookie"' in text)
    )


@pytest.fixture
def machine(isolated_home: str) -> Iterator[tuple[list[Service], dict[str, str]]]:
    """All services on one machine, every vendor on 127.0.0.1."""
    env: dict[str, str] = {}
    accounts = []
    sessions = {}
    services = []
    with contextlib.ExitStack() as stack:
        for provider_id in PROVIDERS:
            name = _first_case(provider_id)
            source = DATA / provider_id / name
            document = json.loads((source / "case.json").read_text(encoding="utf-8"))
            server = stack.enter_context(CaseServer(document.get("routes", [])))
            service = Service(provider_id, name, document, server)
            services.append(service)
            if (source / "home").is_dir():
                copy_home(source / "home", Path(isolated_home), server.url)
            for key, value in document.get("env", {}).items():
                env.setdefault(key, fill(value, isolated_home, server.url))
            spec = registry.load(provider_id).spec
            by_cookie = spec.kind == "api" and not spec.keys
            if by_cookie and spec.cookie is not None:
                sessions[provider_id] = {
                    "domain": spec.cookie.domain,
                    "cookie_name": spec.cookie.name,
                    "value": document["cookie"],
                    "captured_at": "2026-06-01T00:00:00Z",
                }
            if service.key:
                env[service.key] = document["secret"]
            if service.key or by_cookie:
                accounts.append(
                    {
                        "id": spec.keys[0].account_id if spec.keys else provider_id,
                        "provider": provider_id,
                        "base_url": server.url,
                        **json.loads(
                            fill(json.dumps(document.get("account", {})), isolated_home, server.url)
                        ),
                    }
                )
        settings = Path(locations.settings_path())
        settings.parent.mkdir(parents=True, exist_ok=True)
        stored = settings.with_name("credentials.json")
        stored.touch(0o600)
        stored.write_text(json.dumps({"sessions": sessions}))
        # Whatever has no vendor of the case must not be asked: its polls go nowhere.
        settings.write_text(json.dumps({"accounts": accounts}))
        env |= {"https_proxy": "http://127.0.0.1:9", "http_proxy": "", "no_proxy": "127.0.0.1"}
        yield services, env


def test_every_service_is_found_imported_and_shown(
    machine: tuple[list[Service], dict[str, str]], tmp_path: Path
) -> None:
    """Tokens of every tool and the state of every account, each in a row of the overview."""
    services, env = machine
    wanted = {service.provider_id: _expected_tokens(service, tmp_path) for service in services}
    daemon = Daemon(extra_env=env)
    try:
        daemon.start()
        daemon.wait_idle()
        wait_until(lambda: _all_polled(daemon), 60, "every account has been asked")
        model = daemon.call("read_model", window="all", tz="UTC")
        rows: dict[str, list[dict[str, Any]]] = {}
        for account in model["accounts"]:
            rows.setdefault(account["provider_id"], []).append(account)
        assert [name for name in PROVIDERS if name not in rows] == []
        for service in services:
            accounts = rows.get(service.provider_id, [])
            tokens = sum((one["usage"] or {}).get("totals", {}).get("total_tokens", 0)
                         for one in accounts)  # fmt: skip
            assert tokens == wanted[service.provider_id], service
            if registry.load(service.provider_id).collect is None:
                # A key leaves no records here: its tokens are unknown, not none.
                assert [one["usage"] for one in accounts] == [None] * len(accounts)
            if registry.load(service.provider_id).discover is None:
                expected = service.document["expected"]["snapshot"]["status"]
                assert expected in {one["status"] for one in accounts}, (service, accounts)
        titles = [account["title"] for account in model["accounts"]]
        assert len(titles) == len(set(titles)), "two accounts look the same"
        shown = run_client({**daemon.env, "COLUMNS": "120"}, "overview")
        for provider_id, accounts in rows.items():
            for account in accounts:
                assert account["title"] in shown.stdout, provider_id
        detected = json.loads(run_client(daemon.env, "detect", "--json").stdout)
        assert {entry["provider_id"] for entry in detected["accounts"]} >= set(rows)
        for secret in {service.document.get("secret") for service in services} - {None, ""}:
            assert secret not in json.dumps([model, detected]) + shown.stdout
    finally:
        daemon.stop()


def _all_polled(daemon: Daemon) -> bool:
    fetching = {name for name in PROVIDERS if registry.load(name).fetch is not None}
    return all(
        source["last_poll_at"]
        for source in daemon.call("status")["sources"]
        if source["provider_id"] in fetching
    )


def _expected_tokens(service: Service, directory: Path) -> int:
    """Tokens of the case by its own hand-made events, read as `test_provider_cases` proves."""
    if registry.load(service.provider_id).collect is None:
        return 0
    place = directory / service.provider_id
    place.mkdir()
    with open_case(service.provider_id, service.case, place) as case:
        return sum(_tokens(case, account) for account in case.accounts())


def _tokens(case: Case, account: Any) -> int:
    names = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
    return sum(
        getattr(event, name) or 0
        for event in counted(case.read(account, {}), account.id)
        if event.event_type == "message_usage"
        for name in names
    )
