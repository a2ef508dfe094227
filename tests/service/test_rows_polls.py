"""Rows DMN-03 and DMN-04 of the feature table: when vendors are asked, by a real daemon."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from openusaged.core.models import LimitMetric, UsageSnapshot
from openusaged.storage.store import Store, WriteBatch
from tests.support.daemon import Daemon, running_daemon
from tests.support.vendor_server import Vendor, vendor
from tests.support.waiting import wait_until

pytestmark = pytest.mark.measured

KEY = "sk-planted-0001"
ENV = {"XAI_API_KEY": KEY}
INTERVAL_S = 120
HOUR_MS = 3_600_000


@pytest.fixture
def asked() -> Iterator[Vendor]:
    """A vendor that knows the key."""
    with vendor(KEY, body={"data": []}) as server:
        yield server


def configure(accounts: Mapping[str, Vendor], interval_s: int = INTERVAL_S) -> None:
    """Settings with these accounts and nothing that is found by itself."""
    path = Path(locations.settings_path())
    path.parent.mkdir(parents=True)
    document = {
        "auto_detect": False,
        "ui": {"refresh_interval_seconds": interval_s},
        "accounts": [
            {"id": name, "provider": "xai", "api_key_env": "XAI_API_KEY", "base_url": server.url}
            for name, server in accounts.items()
        ],
    }
    path.write_text(json.dumps(document))


def sources(daemon: Daemon) -> dict[str, Any]:
    return {one["account_id"]: one for one in daemon.call("status")["sources"]}


def polled(daemon: Daemon) -> set[str]:
    return {name for name, one in sources(daemon).items() if one["last_poll_at"]}


def wait_s(source: Mapping[str, str]) -> float:
    """Seconds from an account's last poll to its next one."""
    last, following = (
        datetime.fromisoformat(source[name]) for name in ("last_poll_at", "next_poll_at")
    )
    return (following - last).total_seconds()


def test_dmn_03_polls_run_side_by_side_and_back_off(isolated_home: str, asked: Vendor) -> None:
    """DMN-03: four at once and never more, the daemon answers meanwhile, a failure waits twice."""
    with vendor(KEY) as broken:
        broken.status = 503
        names = [f"slow-{number}" for number in range(6)]
        configure({**dict.fromkeys(names, asked), "zz-broken": broken})
        asked.gate.clear()
        with running_daemon(ENV) as daemon:
            wait_until(lambda: asked.inside == 4, 20.0, "four polls at once")
            assert polled(daemon) == set()
            asked.gate.set()
            wait_until(lambda: polled(daemon) == {*names, "zz-broken"}, 20.0, "every poll")
            assert asked.peak == 4
            found = sources(daemon)
            for name in names:
                assert INTERVAL_S <= wait_s(found[name]) <= INTERVAL_S * 1.1
            assert wait_s(found["zz-broken"]) >= INTERVAL_S * 2
            assert {one["poll_status"] for one in found.values()} == {"OK", "ERROR"}


def test_dmn_03_one_that_hangs_holds_nobody_up(isolated_home: str, asked: Vendor) -> None:
    """DMN-03: a vendor that does not answer costs its own account its figures, no other one."""
    with vendor(KEY, body={"data": []}) as hanging:
        hanging.gate.clear()
        configure({"a-hangs": hanging, "b": asked, "c": asked})
        with running_daemon(ENV) as daemon:
            wait_until(lambda: {"b", "c"} <= polled(daemon), 20.0, "the others' polls")
            assert hanging.inside == 1
            assert "a-hangs" not in polled(daemon)


def plant(account_id: str, *, polled_ms: int, resets_at_ms: int) -> UsageSnapshot:
    """A good poll of the past whose limit was used up."""
    limit = LimitMetric(
        key="rpm", unit="requests", window="5h", limit=10, remaining=0, resets_at_ms=resets_at_ms
    )
    return UsageSnapshot(
        provider_id="xai", account_id=account_id, ts_ms=polled_ms, status="OK", metrics=(limit,)
    )


def test_dmn_04_a_passed_reset_is_a_reason_to_ask(isolated_home: str, asked: Vendor) -> None:
    """DMN-04: a limit that has been reset is asked for at once, one that has not is left alone."""
    now_ms = int(time.time() * 1000)
    planted = (
        plant("reset", polled_ms=now_ms - HOUR_MS, resets_at_ms=now_ms - HOUR_MS // 2),
        plant("running", polled_ms=now_ms - HOUR_MS, resets_at_ms=now_ms + HOUR_MS),
    )
    Path(locations.state_dir()).mkdir(parents=True, mode=0o700)
    store = Store.open(locations.database_path(), app_version="t", now_ms=lambda: now_ms)
    store.apply([WriteBatch(snapshots=[one]) for one in planted])
    store.close()
    asked.headers = {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "10",
        "x-ratelimit-reset-requests": "60s",
    }
    configure({"reset": asked, "running": asked}, interval_s=86_400)
    with running_daemon(ENV) as daemon:

        def left() -> dict[str, float]:
            accounts = daemon.call("read_model", window="1d")["accounts"]
            return {
                one["account_id"]: metric["remaining"]
                for one in accounts
                for metric in one["metrics"]
                if metric["key"] == "rpm"
            }

        wait_until(lambda: left() == {"reset": 10, "running": 0}, 20.0, "the reset limit's poll")
        following = datetime.fromisoformat(sources(daemon)["running"]["next_poll_at"])
        after_reset_s = following.timestamp() - (now_ms + HOUR_MS) / 1000
        assert 0 < after_reset_s <= 10
    requests = [path for path, _ in asked.asked if path.endswith("/models")]
    assert len(requests) == 1
