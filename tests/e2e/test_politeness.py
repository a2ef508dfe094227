"""A vendor that asks to wait is left alone, whoever asks for figures and however often we start."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from openusage_proto import locations
from tests.support.daemon import Daemon
from tests.support.provider_case import CaseServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


def polled(daemon: Daemon) -> bool:
    (source,) = daemon.call("status")["sources"]
    return bool(source["last_poll_at"])


def test_retry_after_survives_a_restart(isolated_home: str) -> None:
    """After a 429 with Retry-After neither a restart nor a refresh asks the vendor again."""
    with CaseServer([]) as vendor:
        vendor.fault = "429"
        vendor.fault_headers = {"Retry-After": "3600"}
        settings = Path(locations.settings_path())
        settings.parent.mkdir(parents=True)
        account = {"id": "openai", "provider": "openai", "base_url": vendor.url}
        settings.write_text(json.dumps({"accounts": [account]}))
        daemon = Daemon(extra_env={"OPENAI_API_KEY": "sk-planted-0001"})
        try:
            daemon.start()
            wait_until(lambda: polled(daemon), 20, "the first poll")
            asked = list(vendor.requests)
            assert asked
            daemon.stop()
            daemon.start()
            answer = daemon.call("refresh", wait=True)
            assert answer["polls_deferred"] == ["openai"]
            (account_now,) = daemon.call("read_model", window="1d")["accounts"]
            assert account_now["status"] == "LIMITED"
            assert "429" in account_now["message"]
            assert vendor.requests == asked
        finally:
            daemon.stop()


def test_rate_limits_of_a_minute_are_no_reason_to_ask_each_minute(isolated_home: str) -> None:
    """The reset of a minute's window does not bring the next poll forward."""
    headers = {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "30s",
    }
    body = {"data": [], "object": "list", "id": "gpt-4.1-mini"}
    with CaseServer([]) as vendor:
        vendor.routes = [
            {"path": path, "body": body, "answer_headers": headers}
            for path in ("/models", "/v1/models", "/openai/v1/models")
        ]
        settings = Path(locations.settings_path())
        settings.parent.mkdir(parents=True)
        account = {"id": "xai", "provider": "xai", "base_url": vendor.url}
        settings.write_text(json.dumps({"accounts": [account]}))
        daemon = Daemon(extra_env={"XAI_API_KEY": "sk-planted-0001"})
        try:
            daemon.start()
            wait_until(lambda: polled(daemon), 20, "the first poll")
            (source,) = daemon.call("status")["sources"]
            metrics = daemon.call("read_model", window="1d")["accounts"][0]["metrics"]
            assert [(one["key"], one["remaining"]) for one in metrics] == [("rpm", 9.0)]
            last, following = source["last_poll_at"], source["next_poll_at"]
            assert seconds(following) - seconds(last) >= 300
        finally:
            daemon.stop()


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
