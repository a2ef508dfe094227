"""Numbers and times as words."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage_client import formatting as f

NOW = datetime(2026, 3, 7, 15, 15, tzinfo=ZoneInfo("Asia/Kathmandu"))


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (None, "-"), (0, "0"), (999, "999"), (1000, "1.0k"), (3449, "3.4k"), (99_949, "99.9k"),
        (99_950, "100k"), (999_499, "999k"), (999_500, "1.0M"), (1_234_567, "1.2M"),
        (4_560_000_000, "4.6B"), (2_000_000_000_000, "2.0T"), (5 * 10**15, "5,000T"),
        (-1500, "-1.5k"), (-3, "-3"),
    ],
)  # fmt: skip
def test_format_tokens(n: int | None, text: str) -> None:
    """Tokens are short, unknown is no number, a unit never shows four digits."""
    assert f.format_tokens(n) == text


@given(st.integers(0, 999 * 10**12))
def test_format_tokens_any_size_stays_short_and_close(n: int) -> None:
    """Every count fits in five characters and is within 5 % of what it stands for."""
    text = f.format_tokens(n)
    assert len(text) <= 5
    scale = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1)
    value = float(text.rstrip("kMBT")) * scale
    assert abs(value - n) <= 0.05 * n


@pytest.mark.parametrize(
    ("usd", "estimate", "text"),
    [
        (None, True, "-"), (0.0, True, "$0.00"), (0.0, False, "$0.00"), (0.00001, True, "≈<$0.0001"),
        (0.0042, True, "≈$0.0042"), (0.0042, False, "$0.0042"), (0.00996, False, "$0.01"),
        (1.239, False, "$1.24"), (1234.5, True, "≈$1,234.50"), (-2.5, False, "-$2.50"),
    ],
)  # fmt: skip
def test_format_cost(usd: float | None, *, estimate: bool, text: str) -> None:
    """Dollars say whether they are an estimate and never round a trace to zero."""
    assert f.format_cost(usd, estimate=estimate) == text


def test_format_cost_other_mark() -> None:
    """A terminal without Unicode gets its own mark."""
    assert f.format_cost(2.0, approx="~") == "~$2.00"


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1.2, "USD", "$1.20"),
        (12.345, "EUR", "12.35 EUR"),
        (1250.0, "credits", "1,250.00 credits"),
        (None, "EUR", "-"),
    ],
)
def test_format_money(amount: float | None, currency: str, text: str) -> None:
    """An amount is written with its own currency."""
    assert f.format_money(amount, currency) == text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (None, "-"),
        (0.0, "0%"),
        (0.3, "<1%"),
        (42.9, "42%"),
        (99.99, "99%"),
        (100.0, "100%"),
        (130, "130%"),
    ],
)
def test_format_percent(x: float | None, text: str) -> None:
    """A limit reads 100% only once it is reached."""
    assert f.format_percent(x) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"), (45.9, "45s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (7800, "2h 10m"),
        (86_400, "1d"), (86_400 * 3 + 4 * 3600 + 59, "3d 4h"),
    ],
)  # fmt: skip
def test_format_duration(seconds: float, text: str) -> None:
    """A duration names its two largest units."""
    assert f.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 << 30, "5.0 GiB"),
        (3 << 40, "3.0 TiB"),
    ],
)
def test_format_bytes(n: int | None, text: str) -> None:
    """Sizes are in binary units."""
    assert f.format_bytes(n) == text


def test_format_count() -> None:
    """All digits are grouped; unknown is no number."""
    assert [f.format_count(None), f.format_count(1234567)] == ["-", "1,234,567"]


def test_parse_iso_without_zone_is_utc() -> None:
    """An instant without a zone is UTC, as everything on the wire."""
    assert f.parse_iso("2026-03-07T09:30:00") == f.parse_iso("2026-03-07T09:30:00Z")


@pytest.mark.parametrize(
    ("iso", "text"),
    [
        (None, "-"),
        ("2026-03-07T11:40:00Z", "17:25 (in 2h 10m)"),
        ("2026-03-10T00:00:00Z", "Tue 05:45 (in 2d 14h)"),
        ("2026-04-01T00:00:00Z", "Apr 1 05:45 (in 24d 14h)"),
        ("2027-04-01T00:00:00Z", "Apr 1 2027 (in 389d 14h)"),
        ("2026-03-07T09:00:00Z", "14:45 (due)"),
    ],
)
def test_format_reset(iso: str | None, text: str) -> None:
    """A reset is in local time with what is left until then."""
    assert f.format_reset(iso, NOW) == text


def test_format_local_and_clock() -> None:
    """An instant is shown in the zone of now."""
    assert f.format_local("2026-03-06T20:00:00Z", NOW) == "2026-03-07 01:45"
    assert [f.format_local(None, NOW), f.format_clock(None, NOW)] == ["-", "-"]


@pytest.mark.parametrize(
    ("iso", "text"),
    [(None, "-"), ("2026-03-07T09:29:57Z", "now"), ("2026-03-07T09:27:00Z", "3m ago")],
)
def test_format_ago(iso: str | None, text: str) -> None:
    """An age is in words."""
    assert f.format_ago(iso, NOW) == text
