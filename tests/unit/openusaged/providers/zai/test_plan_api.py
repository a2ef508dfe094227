"""What Z.AI's calls come to when they do not all go well."""

from __future__ import annotations

from typing import Any

import pytest

from openusaged.core.errors import AuthRequired, RateLimited, Unreachable, UpstreamChanged
from openusaged.core.models import Account
from openusaged.providers.shared.figures import Figures
from openusaged.providers.zai import SPEC, fetch
from openusaged.providers.zai.grants import note_credits
from openusaged.providers.zai.quota import note_quota
from openusaged.providers.zai.usage_lists import note_model_usage, note_tool_usage
from tests.support.fetching import fetch_context
from tests.support.provider_case import CaseServer, iso_ms

QUOTA = "/api/monitor/usage/quota/limit"
NOW_MS = iso_ms("2026-06-10T12:00:00Z")


def poll(quota: Any = None, *, models: Any = None, others: Any = None, secret: str = "k.1"):
    empty = {"code": 200, "success": True, "data": {}}
    routes = [
        {"path": "/api/coding/paas/v4/models", **(models or {"body": {"data": []}})},
        {"path": QUOTA, **(quota or {"body": empty})},
        *(
            {"path": path, **(others or {"body": empty})}
            for path in (
                "/api/monitor/usage/model-usage",
                "/api/monitor/usage/tool-usage",
                "/api/paas/v4/user/credit_grants",
            )
        ),
    ]
    with CaseServer(routes) as server:
        account = Account(id="zai", provider_id="zai", base_url=server.url)
        return fetch(fetch_context(secret=secret), account)


def limits(*rows: dict) -> dict:
    return {"body": {"code": 200, "success": True, "data": {"limits": list(rows)}}}


def test_connected_without_a_plan_is_well():
    """Empty answers of a free account are no failure and no limit."""
    snapshot = poll()
    assert (snapshot.status, snapshot.message) == (
        "OK",
        "Connected, but no active coding package or balance",
    )


def test_full_window_is_limited_and_named():
    """A window at 100 % limits the account, and the message says which."""
    snapshot = poll(limits({"type": "TOKENS_LIMIT", "unit": 6, "number": 1, "percentage": 120}))
    assert (snapshot.status, snapshot.message) == ("LIMITED", "The weekly limit is used up")
    assert snapshot.metrics[1].used == 100.0


def test_mcp_calls_are_part_of_the_message():
    """A healthy plan tells both its windows."""
    snapshot = poll(
        limits(
            {"type": "TOKENS_LIMIT", "percentage": 45},
            {"type": "TIME_LIMIT", "usage": 1000, "currentValue": 400, "percentage": 40},
        )
    )
    assert snapshot.message == "5-hour limit 45% · MCP 400/1000"


@pytest.mark.parametrize(
    ("models", "error"),
    [
        ({"body": {"code": 401, "msg": "token expired", "success": False}}, AuthRequired),
        ({"status": 429, "body": {"error": {"code": "1302"}}}, RateLimited),
        ({"status": 500, "text": "oops"}, Unreachable),
        ({"body": {"data": {"id": "glm"}}}, UpstreamChanged),
        ({"body": [1]}, UpstreamChanged),
        ({"body": {"error": {"code": "1234"}, "data": []}}, UpstreamChanged),
    ],
)
def test_failed_anchor_ends_the_poll(models, error):
    """What the list of models says is never overwritten by a later OK."""
    with pytest.raises(error):
        poll(models=models)


@pytest.mark.parametrize(
    ("quota", "error"),
    [
        ({"status": 401, "body": {}}, AuthRequired),
        ({"body": {"code": "403", "success": False}}, AuthRequired),
        ({"status": 429, "body": {"code": 1302, "msg": "slow down"}}, RateLimited),
    ],
)
def test_refusal_of_the_limits_is_the_outcome(quota, error):
    """Refused in both forms, or asked to wait: that is what there is to say."""
    with pytest.raises(error):
        poll(quota)


def test_failing_side_calls_are_told():
    """Usage and credits that fail leave their figures out and name the reason."""
    snapshot = poll(
        limits({"type": "TOKENS_LIMIT", "percentage": 45}), others={"status": 503, "body": {}}
    )
    assert snapshot.status == "OK"
    assert {name for name in snapshot.attributes if name.endswith("_error")} == {
        "model_usage_error",
        "tool_usage_error",
        "credits_error",
    }


def test_used_up_credits_are_limited():
    """A balance of nothing, without a plan, is a limit that is reached."""
    snapshot = poll(others={"body": {"total_granted": 5, "total_used": 5}})
    assert (snapshot.status, snapshot.message) == ("LIMITED", "0.00 USD of credit left")


def test_no_key_names_the_variable():
    """Without a key nothing is asked; the message says which variable to set."""
    with pytest.raises(AuthRequired, match="ZAI_API_KEY"):
        poll(secret="")


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        ({"type": "TOKENS_LIMIT", "percentage": 3}, ["usage_five_hour"]),
        (
            [{"limitType": "TOKENS_LIMIT", "unit": 4, "number": 1, "used_percentage": "3"}],
            ["usage_daily"],
        ),
        (
            {"items": [{"type": "TOKENS_LIMIT", "unit": 5, "number": 1, "limit": 8, "used": 2}]},
            ["usage_monthly"],
        ),
        ({"items": [{"type": "TOKENS_LIMIT", "limit": 0, "used": 2}, 7]}, []),
        ({"limits": {"a": 1}}, []),
        ({"limits": [{"type": "TIME_LIMIT", "percentage": 1}]}, []),
        (None, []),
    ],
)
def test_windows_in_other_shapes(data, keys):
    """Rows are found wherever they stand; a window without a percentage is left out."""
    figures = Figures(SPEC)
    note_quota(figures, data)
    assert list(figures.metrics) == keys


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"creditGrants": {"totalGranted": 9, "available": 4}}, (9.0, 5.0, 4.0)),
        ({"data": {"grants": [{"amount": 3, "remaining": 1}]}}, (3.0, 2.0, 1.0)),
        ({"grants": [{"amount": 3}, {"amount": 4, "spent": 5}, None]}, (7.0, None, None)),
        ({"balance": "2"}, (None, None, 2.0)),
        ({"data": []}, None),
        ([], None),
    ],
)
def test_credits_in_other_shapes(body, expected):
    """Any two of granted, used and left give the third; sums of grants fill missing totals."""
    figures = Figures(SPEC)
    note_credits(figures, body, "USD", NOW_MS)
    metric = figures.metrics.get("credit_balance")
    found = metric and (metric.limit, metric.used, metric.remaining)
    assert found == expected


def test_series_without_totals_are_summed():
    """Missing totals are summed from the series; unknown shapes bring nothing."""
    figures = Figures(SPEC)
    answer = {
        "x_time": ["2026-06-10"],
        "tokensUsage": [5],
        "modelDataList": [{"modelName": "glm", "tokensUsage": [5, None]}, {"modelName": ""}],
    }
    assert note_model_usage(figures, answer, "2026-06-10")
    assert note_tool_usage(figures, {"x_time": ["d"], "webReadMcpCount": [2]}, "2026-06-10")
    assert {key: metric.used for key, metric in figures.metrics.items()} == {
        "7d_tokens": 5,
        "today_tokens": 5,
        "active_models": 1,
        "tool_calls:web_read": 2,
        "7d_tool_calls": 2,
    }
    assert not note_model_usage(Figures(SPEC), [{"tokens": 5}, None], "2026-06-10")
    assert not note_tool_usage(Figures(SPEC), None, "2026-06-10")


def test_request_to_wait_of_a_side_call_ends_the_poll():
    """A 429 behind the limits leaves them standing, is passed on, and nothing more is asked."""
    routes = [
        {"path": "/api/coding/paas/v4/models", "body": {"data": []}},
        {"path": QUOTA, **limits({"type": "TOKENS_LIMIT", "percentage": 45})},
        {
            "path": "/api/monitor/usage/model-usage",
            "status": 429,
            "answer_headers": {"Retry-After": "30"},
            "body": {},
        },
    ]
    with CaseServer(routes) as server:
        account = Account(id="zai", provider_id="zai", base_url=server.url)
        snapshot = fetch(fetch_context(secret="k"), account)
    assert (snapshot.status, snapshot.retry_after_s) == ("OK", 30.0)
    assert len(server.requests) == 3
