"""Dates, zones and ranges as people type them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from openusage_client import arguments
from openusage_client.errors import UsageError


@pytest.mark.parametrize(
    ("text", "date"), [("2026-03-01", "2026-03-01"), ("20260301", "2026-03-01")]
)
def test_iso_date(text: str, date: str) -> None:
    """Both ISO forms of a calendar date are taken."""
    assert arguments.iso_date(text) == date


@pytest.mark.parametrize(
    "text", ["2026-02-30", "yesterday", "01.03.2026", "2026-W10-1", "", "2026-3-1"]
)
def test_iso_date_refused_with_the_form(text: str) -> None:
    """What is no date is refused with the form that works."""
    with pytest.raises(argparse.ArgumentTypeError, match="YYYY-MM-DD"):
        arguments.iso_date(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Katmandu", "Asia/Kathmandu"),
        ("europe/pariss", "Europe/Paris"),
        ("???", "UTC"),
        ("../x", "UTC"),
    ],
)
def test_time_zone_refused_with_a_suggestion(text: str, hint: str) -> None:
    """A mistyped zone is answered with the closest names."""
    with pytest.raises(argparse.ArgumentTypeError, match=hint):
        arguments.time_zone(text)


def test_time_zone_known() -> None:
    """A zone of the database is taken as it is."""
    assert arguments.time_zone("Asia/Kathmandu") == "Asia/Kathmandu"


def test_check_range() -> None:
    """A range that holds no day is a usage error; open and one-day ranges are not."""
    arguments.check_range(None, "2026-03-01")
    arguments.check_range("2026-03-01", "2026-03-01")
    with pytest.raises(UsageError, match="swap"):
        arguments.check_range("2026-03-02", "2026-03-01")


@pytest.mark.parametrize(
    ("tz", "name"),
    [
        ("Europe/Paris", "Europe/Paris"),
        (":Europe/Paris", "Europe/Paris"),
        ("/usr/share/zoneinfo/Europe/Paris", "Europe/Paris"),
        ("CET-1CEST,M3.5.0", None),
        ("Nowhere/Land", None),
    ],
)
def test_local_zone_from_tz(monkeypatch: pytest.MonkeyPatch, tz: str, name: str | None) -> None:
    """TZ decides when it names a zone; a POSIX rule is left to the daemon."""
    if not os.path.isfile("/usr/share/zoneinfo/Europe/Paris"):
        pytest.skip("this machine has no zone files")
    monkeypatch.setenv("TZ", tz)
    assert arguments.local_zone() == name


def test_local_zone_from_the_link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The link at /etc/localtime names the zone; a link to elsewhere names none."""
    link = tmp_path / "localtime"
    monkeypatch.setattr(arguments, "_LOCALTIME", str(link))
    link.symlink_to("/usr/share/zoneinfo/Asia/Kathmandu")
    assert arguments.local_zone() == "Asia/Kathmandu"
    link.unlink()
    link.symlink_to("/somewhere/else")
    assert arguments.local_zone() is None


def test_local_zone_from_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A container that copied its zone names it in /etc/timezone."""
    zones, names = tmp_path / "zones", tmp_path / "timezone"
    (zones / "Asia").mkdir(parents=True)
    (zones / "Asia" / "Kathmandu").touch()
    monkeypatch.setattr(arguments, "_LOCALTIME", str(tmp_path / "none"))
    monkeypatch.setattr(arguments, "_TIMEZONE", str(names))
    monkeypatch.setattr(arguments, "_ZONE_DIRECTORY", str(zones))
    assert arguments.local_zone() is None
    names.write_text("Asia/Kathmandu\n")
    assert arguments.local_zone() == "Asia/Kathmandu"
    names.write_text("Not/There\n")
    assert arguments.local_zone() is None
