"""The vendor's limits in the shape of metrics."""

from __future__ import annotations

import json

import msgspec
import pytest

from openusaged.providers.codex.limits import (
    SessionLimits,
    credit_attributes,
    credit_metrics,
    group_metrics,
    slug,
    status_of,
    window_label,
    window_of,
)

NOW = 1_780_308_000_000


def _metrics(block, **options):
    return {metric.key: metric for metric in group_metrics(block, NOW, **options)}


def _window(used, minutes=300, **fields):
    return {"used_percent": used, "window_minutes": minutes, **fields}


@pytest.mark.parametrize(
    ("minutes", "label"),
    [(300, "5h"), (10080, "7d"), (90, "1h30m"), (1500, "1d1h"), (0, ""), (None, ""), (-5, "")],
)
def test_window_labels(minutes, label):
    """A window is named by its length."""
    assert window_label(minutes) == label


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"used_percent": 3, "limit_window_seconds": 17_999}, (3.0, 300, None)),
        ({"usedPercent": "3.5", "windowDurationMins": "300"}, (3.5, 300, None)),
        ({"remaining_percent": 75}, (25.0, None, None)),
        ({"used_percent": 300}, (100.0, None, None)),
        ({"used_percent": -3}, (0.0, None, None)),
        ({"used_percent": 5, "resets_in_seconds": 60}, (5.0, None, NOW + 60_000)),
        ({"used_percent": 5, "reset_after_seconds": "60"}, (5.0, None, NOW + 60_000)),
        ({"used_percent": 5, "reset_at": NOW // 1000 + 9}, (5.0, None, NOW + 9000)),
        ({"used_percent": 80, "resets_at": NOW // 1000 - 9}, (0.0, None, None)),
    ],
)
def test_window_variants(block, expected):
    """All spellings of a window mean the same; a passed reset empties it."""
    assert tuple(window_of(block, NOW)) == expected


@pytest.mark.parametrize("block", [None, {}, "x", {"used_percent": None}, {"used_percent": "x"}])
def test_window_without_a_figure_is_none(block):
    """Unknown is not zero."""
    assert window_of(block, NOW) is None


def test_windows_are_told_apart_by_length():
    """A sole weekly window in the primary slot is the weekly limit."""
    found = _metrics({"primary": _window(40, 10080)})
    assert list(found) == ["rate_limit_secondary"]
    assert (found["rate_limit_secondary"].window, found["rate_limit_secondary"].used) == ("7d", 40)
    swapped = _metrics({"primary": _window(40, 10080), "secondary": _window(10, 300)})
    assert (swapped["rate_limit_primary"].used, swapped["rate_limit_secondary"].used) == (10, 40)


def test_windows_of_one_length_keep_their_slots():
    """Two windows of one kind, or without a length, are told apart by their slots."""
    both = _metrics({"primary": _window(1, 10080), "secondary": _window(2, 20160)})
    assert (both["rate_limit_primary"].used, both["rate_limit_secondary"].used) == (1, 2)
    bare = _metrics({"primary_window": _window(1, None), "secondary_window": _window(2, None)})
    assert (bare["rate_limit_primary"].used, bare["rate_limit_secondary"].used) == (1, 2)


def test_gauges_are_percentages():
    """A gauge has unit, limit, remaining and words."""
    (metric,) = _metrics({"primary": _window(12.5)}, key="spark", title="Spark").values()
    assert (metric.key, metric.unit, metric.limit, metric.remaining, metric.label) == (
        "rate_limit_spark_primary",
        "%",
        100.0,
        87.5,
        "Spark 5h limit",
    )


def test_credits_are_counts_and_not_money():
    """Balance and credit limit are credits, whatever their type."""
    limit = {"limit": "1000", "used": "250", "resetsAt": NOW // 1000 + 60}
    balance, own = credit_metrics({"balance": "9.99"}, limit, NOW)
    assert (balance.unit, balance.remaining, balance.money_kind) == ("credits", 9.99, "credits")
    assert (own.used, own.limit, own.remaining, own.resets_at_ms) == (250, 1000, 750, NOW + 60_000)


@pytest.mark.parametrize(
    ("limit", "used", "remaining"),
    [
        ({"limit": 100, "remaining_percent": 75}, 25.0, 75.0),
        ({"limit": 100, "used": 150}, 150.0, 0.0),
        ({"used": 5}, 5.0, None),
        ({"limit": 100}, None, None),
        ({"limit": 100, "used": 50, "resets_at": NOW // 1000 - 1}, 0.0, 100.0),
    ],
)
def test_credit_limit_variants(limit, used, remaining):
    """Missing figures stay unknown; a passed reset empties the limit."""
    (metric,) = credit_metrics(None, limit, NOW)
    assert (metric.used, metric.remaining) == (used, remaining)


def test_credits_without_a_number_are_words():
    """Unlimited or no credits are an attribute, not a figure."""
    assert list(credit_metrics({"unlimited": True, "balance": "0"}, None, NOW)) == []
    assert credit_attributes({"unlimited": True}) == {"credits": "unlimited"}
    assert credit_attributes({"hasCredits": False}) == {"credits": "none"}
    assert credit_attributes(None) == {}


@pytest.mark.parametrize(
    ("used", "reached", "status"),
    [(89.9, False, "OK"), (90, False, "NEAR_LIMIT"), (100, False, "LIMITED"), (5, True, "LIMITED")],
)
def test_status_follows_the_fullest_limit(used, reached, status):
    """90 % is near, 100 % or the vendor's word is limited."""
    assert status_of(_metrics({"primary": _window(used)}).values(), reached=reached) == status


def test_full_feature_does_not_limit_the_account():
    """A limit of one feature leaves the rest usable."""
    assert status_of(_metrics({"primary": _window(100)}, key="spark").values()) == "OK"


def test_names_become_slugs():
    """A limit's name makes a key of plain letters."""
    assert slug("GPT-5.3 Codex/Spark!") == "gpt_5_3_codex_spark"


class TestSessionLimits:
    def _note(self, limits, ts_ms, **block):
        limits.note(msgspec.Raw(json.dumps(block, separators=(",", ":")).encode()), ts_ms)

    def test_newest_row_of_each_limit_counts(self):
        """Each limit id has its newest row, whatever order files are read in."""
        limits = SessionLimits()
        self._note(limits, 20, limit_id="codex", primary=_window(30), plan_type="pro")
        self._note(limits, 10, limit_id="codex", primary=_window(10))
        self._note(limits, 30, limit_id="codex_x", limit_name="X", primary=_window(100))
        snapshot = limits.snapshot("a")
        assert {m.key: m.used for m in snapshot.metrics} == {
            "rate_limit_primary": 30.0,
            "rate_limit_codex_x_primary": 100.0,
        }
        assert (snapshot.ts_ms, snapshot.status, snapshot.account_id) == (30, "OK", "a")
        assert snapshot.attributes == {"rate_limit_source": "session", "plan_type": "pro"}

    def test_empty_row_does_not_hide_an_older_one(self):
        """A row whose limits are all null knows nothing."""
        limits = SessionLimits()
        self._note(limits, 10, primary=_window(95), secondary=None, credits=None)
        self._note(limits, 20, primary=None, secondary=None, credits=None, plan_type=None)
        limits.note(msgspec.Raw(b"null"), 30)
        assert limits.snapshot("a").status == "NEAR_LIMIT"

    def test_credit_limit_alone_is_kept(self):
        """A plan with nothing but a member's credit limit has that."""
        limits = SessionLimits()
        block = {"primary": None, "secondary": None, "credits": None}
        self._note(limits, 10, **block, individual_limit={"limit": "10", "used": "10"})
        snapshot = limits.snapshot("a")
        assert [m.key for m in snapshot.metrics] == ["codex_credit_limit"]
        assert snapshot.status == "LIMITED"

    def test_reached_limit_and_nothing(self):
        """The vendor's word limits the account; rows of other types are no limits."""
        limits = SessionLimits()
        assert limits.snapshot("a") is None
        limits.note(msgspec.Raw(b'"text"'), 5)
        assert limits.snapshot("a") is None
        self._note(limits, 10, primary=_window(3), rate_limit_reached_type="rate_limit_reached")
        assert limits.snapshot("a").status == "LIMITED"
