"""Fields of rows, without believing their types."""

from __future__ import annotations

from openusaged.providers.codex.rows import as_text


def test_names_may_be_numbers():
    """Some versions number what others name; any other type is an unknown name."""
    assert [as_text(each) for each in ("a", 7, None, True, [])] == ["a", "7", "", "", ""]
