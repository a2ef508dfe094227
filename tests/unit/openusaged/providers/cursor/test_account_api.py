"""A poll of a Cursor account: which calls decide, which may fail, which days are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import FetchContext, Machine
from openusaged.providers.cursor import account_api
from openusaged.providers.cursor.records import LOCAL_TOKENS_END_MS
from openusaged.providers.shared.http import UrllibHttpClient
from tests.support.provider_case import CaseServer

NOW = 1_795_780_800_000
DAY = 86_400_000
RPC = "/aiserver.v1.DashboardService/"
EVENTS = RPC + "GetFilteredUsageEvents"
SITE_EVENTS = "/api/dashboard/get-filtered-usage-events"
PERIOD = {
    "method": "POST",
    "path": RPC + "GetCurrentPeriodUsage",
    "body": {"planUsage": {"totalPercentUsed": 5, "limit": 2000, "totalSpend": 100}},
}


def poll(routes, home: Path, token: str = "user_1%3A%3Ask-planted-0001"):
    with CaseServer([PERIOD, *routes]) as server:
        account = Account(
            id="cursor-ide",
            provider_id="cursor",
            base_url=server.url,
            options={"dashboard_url": server.url},
        )
        context = FetchContext(
            machine=Machine(env={}, home=str(home)),
            http=UrllibHttpClient(proxies={}),
            now_ms=lambda: NOW,
            cookie_of=lambda _account: token if "%3A" in token else "",
            secret_of=lambda _account: token,
        )
        return account_api.fetch(context, account), server.requests


def test_waiting_that_a_lesser_call_asks_for_is_passed_on(tmp_path):
    """A host that asks to wait is not asked again in this poll, and the wait is kept."""
    route = {
        "method": "POST",
        "path": RPC + "GetPlanInfo",
        "status": 429,
        "answer_headers": {"Retry-After": "77"},
        "text": "",
    }
    fetched, requests = poll([route], tmp_path)
    assert fetched.snapshot.retry_after_s == 77.0
    assert fetched.snapshot.status == "OK"
    assert [one for one in requests if RPC in one or "/auth/" in one][:2] == [
        f"POST {RPC}GetCurrentPeriodUsage",
        f"POST {RPC}GetPlanInfo",
    ]
    assert f"POST {RPC}GetHardLimit" not in requests
    assert "HTTP 429" in fetched.snapshot.attributes["profile_error"]


def test_server_that_fails_is_left_alone(tmp_path):
    """After a server error the same host is not asked for the rest."""
    route = {"method": "GET", "path": "/auth/full_stripe_profile", "status": 503, "text": ""}
    fetched, requests = poll([route], tmp_path)
    assert f"POST {RPC}GetAggregatedUsageEvents" not in requests
    assert "HTTP 503" in fetched.snapshot.attributes["usage_error"]


@pytest.mark.parametrize(
    "body", [{"usageEventsDisplay": {}}, {"usageEventsDisplay": "none"}, [1, 2]]
)
def test_odd_log_is_named(body, tmp_path):
    """A usage log of another shape costs the log and says so."""
    fetched, _ = poll([{"method": "POST", "path": EVENTS, "body": body}], tmp_path)
    assert fetched.events == []
    assert fetched.snapshot.attributes["usage_events_error"]


def test_log_that_refuses_is_named(tmp_path):
    """A web site that takes us for a robot costs the log, asked once, and not the account."""
    page = {"method": "POST", "path": SITE_EVENTS, "status": 403, "text": "<html>a robot?"}
    fetched, requests = poll([page], tmp_path)
    assert fetched.snapshot.status == "OK"
    assert "refused" in fetched.snapshot.attributes["usage_events_error"]
    assert [one for one in requests if "UsageEvents" in one or "usage-events" in one] == [
        f"POST {RPC}GetAggregatedUsageEvents",
        f"POST {EVENTS}",
        f"POST {SITE_EVENTS}",
    ]


def test_empty_log_is_no_error(tmp_path):
    """A user without requests has a log without a list."""
    fetched, _ = poll(
        [{"method": "POST", "path": EVENTS, "body": {"totalUsageEventsCount": 0}}], tmp_path
    )
    assert fetched.events == []
    assert "usage_events_error" not in fetched.snapshot.attributes


def test_team_member_who_is_unknown_asks_for_the_own_log(tmp_path):
    """When the service does not say who the member is, no team is named in the question."""
    routes = [
        {"path": "/auth/full_stripe_profile", "body": {"isTeamMember": True, "teamId": 5}},
        {"method": "POST", "path": RPC + "GetMe", "body": {}},
        {
            "method": "POST",
            "path": EVENTS,
            "request": {
                "startDate": str(NOW - 2 * DAY),
                "endDate": str(NOW),
                "page": 1,
                "pageSize": 500,
            },
            "body": {
                "usageEventsDisplay": [{"timestamp": str(NOW), "model": "m", "owningUser": "9"}]
            },
        },
        {"method": "POST", "path": EVENTS, "body": {}},
    ]
    fetched, _ = poll(routes, tmp_path)
    assert [event.model for event in fetched.events] == ["m"]


def test_token_without_an_owner_asks_only_the_ide_services(tmp_path):
    """An opaque token cannot sign in to the web site: its calls are left out with the reason."""
    fetched, requests = poll([], tmp_path, token="opaque")
    assert not any("/api/" in one for one in requests)
    assert "whose" in fetched.snapshot.attributes["usage_events_error"]


def test_damaged_local_records_cost_only_their_figures(tmp_path):
    """A database that cannot be read leaves plan and spend as they are."""
    path = tmp_path / ".config/Cursor/User/globalStorage/state.vscdb"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 200)
    entry = {"timestamp": str(NOW - 1), "model": "gpt-5.2", "conversationId": "c-1"}
    route = {"method": "POST", "path": EVENTS, "body": {"usageEventsDisplay": [entry]}}
    fetched, _ = poll([route], tmp_path)
    assert [event.session_id for event in fetched.events] == ["c-1"]
    assert {"state_db_error", "conversations_error"} <= fetched.snapshot.attributes.keys()


def test_every_day_of_a_month_is_asked_for_within_four_polls():
    """The last two days are in every poll, the four weeks before in turn, without a gap."""
    covered = set()
    for turn in range(4):
        recent, older = account_api.log_windows(NOW + turn * account_api.TURN_MS)
        assert recent[1] - recent[0] == 2 * DAY
        covered.add(round((NOW - older[0]) / DAY))
        assert older[1] - older[0] == 7 * DAY
    assert covered == {9, 16, 23, 30}


def test_days_before_the_log_is_used_are_never_asked_for():
    """Local records have those days: no window begins before, and an empty one is left out."""
    windows = list(account_api.log_windows(LOCAL_TOKENS_END_MS + DAY))
    assert windows == [(LOCAL_TOKENS_END_MS, LOCAL_TOKENS_END_MS + DAY)]
    for turn in range(4):
        now = LOCAL_TOKENS_END_MS + 12 * DAY + turn * account_api.TURN_MS
        assert all(start >= LOCAL_TOKENS_END_MS for start, _ in account_api.log_windows(now))
