"""Limits in answer headers: every form of number and time that vendors write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.core.models import LimitMetric
from openusaged.providers.shared.rate_headers import (
    MAX_AHEAD_MS,
    REQUESTS_PER_MINUTE,
    STANDARD,
    HeaderGroup,
    duration_as_ms,
    read_groups,
    reset_at_ms,
    shown_headers,
)

NOW_MS = 1_780_315_200_000  # 2026-06-01T12:00:00Z


def requests(limit=None, remaining=None, reset=None):
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"x-ratelimit-{k}-requests": v for k, v in values.items() if v is not None}


def read(headers):
    (metric,) = read_groups(headers, (REQUESTS_PER_MINUTE,), NOW_MS)
    return metric


class TestGroups:
    def test_trio_becomes_one_figure(self):
        """Limit, remainder and reset of a group are one metric with the group's words."""
        assert read(requests("800", "790", "750ms")) == LimitMetric(
            key="rpm",
            unit="requests",
            window="1m",
            label="Requests per minute",
            limit=800.0,
            remaining=790.0,
            resets_at_ms=NOW_MS + 750,
        )

    def test_both_standard_groups_are_independent(self):
        """One group that is missing does not cost the other."""
        headers = {"x-ratelimit-limit-tokens": "40000", "x-ratelimit-remaining-tokens": "36000"}
        (tokens,) = read_groups(headers, STANDARD, NOW_MS)
        assert (tokens.key, tokens.limit, tokens.remaining) == ("tpm", 40000.0, 36000.0)
        assert tokens.resets_at_ms is None

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            requests(reset="1s"),
            requests("", " "),
            requests("many", "few"),
            requests("-1", "-1"),
            requests("0", "0", "0"),
            requests("0"),
            requests("nan", "inf"),
        ],
    )
    def test_nothing_is_made_of_nothing(self, headers):
        """Without a usable limit or remainder there is no figure, whatever the reset says."""
        assert read_groups(headers, STANDARD, NOW_MS) == ()

    @pytest.mark.parametrize(
        ("headers", "limit", "remaining"),
        [
            (requests("600"), 600.0, None),
            (requests(None, "5"), None, 5.0),
            (requests("-1", "5"), None, 5.0),
            (requests("600", "-1"), 600.0, None),
            (requests(" 1000 ", "0"), 1000.0, 0.0),
            (requests("1,000", "999.5"), 1000.0, 999.5),
            (requests("100, 100;w=60", "99;w=60"), 100.0, 99.0),
            (requests("0", "5"), 0.0, 5.0),
        ],
    )
    def test_half_a_group_is_kept(self, headers, limit, remaining):
        """Whichever number is usable is kept; a negative one means "no limit" and is unknown."""
        metric = read(headers)
        assert (metric.limit, metric.remaining, metric.used) == (limit, remaining, None)

    def test_group_declares_its_metric(self):
        """A provider declares the figure in the words that a poll will use."""
        group = HeaderGroup(
            key="rpd",
            label="Per day",
            unit="requests",
            window="1d",
            limit="a",
            remaining="b",
            reset="c",
        )
        spec = group.metric
        assert (spec.key, spec.label, spec.unit, spec.window) == (
            "rpd",
            "Per day",
            "requests",
            "1d",
        )


class TestResets:
    @pytest.mark.parametrize(
        ("text", "ahead_ms"),
        [
            ("6m0s", 360_000),
            ("1s", 1_000),
            ("12ms", 12),
            ("2m59.56s", 179_560),
            ("17m16.8s", 1_036_800),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("500us", 0),
            ("1500µs", 2),
            ("1500Âµs", 2),
            (".5s", 500),
            ("0", 0),
            ("0s", 0),
            ("30", 30_000),
            ("12.25", 12_250),
            ("30, 30", 30_000),
            (" 45 ", 45_000),
        ],
    )
    def test_durations_count_from_now(self, text, ahead_ms):
        """Durations with units, and bare seconds, are added to the present."""
        assert reset_at_ms(text, NOW_MS) == NOW_MS + ahead_ms

    @pytest.mark.parametrize(
        "text",
        [
            "2026-06-01T12:00:30Z",
            "2026-06-01T14:00:30+02:00",
            "2026-06-01T12:00:30.000000Z",
            "1780315230",
            "1780315230.0",
            "1780315230000",
            "1780315230000000",
        ],
    )
    def test_moments_are_taken_as_they_are(self, text):
        """ISO times, and epoch seconds, milli- and microseconds, name the same moment."""
        assert reset_at_ms(text, NOW_MS) == NOW_MS + 30_000
        assert datetime.fromtimestamp(1780315230, UTC).isoformat() == "2026-06-01T12:00:30+00:00"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "soon",
            "-5",
            "-1s",
            "5 s",
            "1x",
            "s",
            "1s2",
            "nan",
            "inf",
            "1e300",
            "9" * 400 + "h",
        ],
    )
    def test_other_forms_are_unknown(self, text):
        """What is no time is no reset."""
        assert reset_at_ms(text, NOW_MS) is None

    def test_more_than_a_year_ahead_is_no_reset(self):
        """A number that would lie years ahead means something else."""
        assert reset_at_ms("999999999", NOW_MS) is None
        assert reset_at_ms("31536000", NOW_MS) == NOW_MS + 31_536_000_000

    @given(st.text(max_size=40))
    def test_any_text_gives_a_moment_or_nothing(self, text):
        """No header value raises, and none lies beyond a year."""
        moment = reset_at_ms(text, NOW_MS)
        assert moment is None or moment <= NOW_MS + MAX_AHEAD_MS

    @given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
    def test_durations_add_up(self, hours, minutes, seconds, millis):
        """The parts of a duration are added, each by its unit."""
        whole = ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis
        assert duration_as_ms(f"{hours}h{minutes}m{seconds}s{millis}ms") == whole


def test_only_harmless_headers_are_shown():
    """Limits, waits, request id and date may be shown; cookies and credentials never."""
    headers = {
        "x-ratelimit-limit-requests": "1",
        "ratelimit-remaining": "2",
        "anthropic-ratelimit-tokens-limit": "3",
        "retry-after": "4",
        "x-request-id": "req-5",
        "date": "Mon, 01 Jun 2026 12:00:00 GMT",
        "set-cookie": "session=planted",
        "authorization": "Bearer sk-planted-0001",
        "x-api-key": "sk-planted-0001",
        "content-type": "application/json",
    }
    shown = shown_headers(headers)
    assert sorted(shown) == [
        "anthropic-ratelimit-tokens-limit",
        "date",
        "ratelimit-remaining",
        "retry-after",
        "x-ratelimit-limit-requests",
        "x-request-id",
    ]
    assert "planted" not in str(shown)
