"""The machine's zone is found by name wherever systems keep it."""

from __future__ import annotations

from pathlib import Path

import pytest

from openusaged.runtime import local_zone


@pytest.mark.parametrize(
    ("tz", "expected"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":Asia/Kathmandu", "Asia/Kathmandu"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
    ],
)
def test_variable_wins(tz: str, expected: str) -> None:
    """TZ names the zone in each of its spellings."""
    assert local_zone.local_zone_name({"TZ": tz}) == expected


def test_link_names_the_zone(tmp_path: Path) -> None:
    """/etc/localtime is a link into the zone database."""
    target = tmp_path / "zoneinfo" / "posix" / "Europe" / "Paris"
    target.parent.mkdir(parents=True)
    target.touch()
    link = tmp_path / "localtime"
    link.symlink_to(target)
    assert local_zone.local_zone_name({}, str(link)) == "Europe/Paris"


def test_file_names_the_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian keeps the name in a file of its own."""
    file = tmp_path / "timezone"
    file.write_text("America/Lima\n")
    monkeypatch.setattr(local_zone, "TIMEZONE_FILE", str(file))
    assert local_zone.local_zone_name({"TZ": "/x"}, str(tmp_path / "none")) == "America/Lima"


def test_utc_when_nothing_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that says nothing runs on UTC."""
    monkeypatch.setattr(local_zone, "TIMEZONE_FILE", str(tmp_path / "none"))
    assert local_zone.local_zone_name({}, str(tmp_path / "none")) == "UTC"
