"""The totals a fork inherits."""

from __future__ import annotations

from openusaged.providers.codex.inherited import inherited_totals
from tests.support.codex_log import PARENT, count, meta, rollout_path, usage, write


def test_totals_of_the_parent_are_all_found(tmp_path):
    """Every cumulative total of the parent counts; rows that state none, or are torn, do not."""
    rows = [meta(), count(1), count(2, usage(10, out=1)), '{"token_count"', '"token_count"']
    rows += [count(3, None, usage(5)), {"type": "note", "x": "token_count"}]
    rows += [count(4, usage(30, cached=5, out=2, reasoning=1))]
    write(rollout_path(tmp_path), rows)
    assert inherited_totals(str(tmp_path), PARENT) == {(10, 0, 0, 1, 0), (30, 5, 0, 2, 1)}


def test_missing_parent_has_no_totals(tmp_path):
    """A parent that was deleted, or cannot be read, says nothing."""
    assert inherited_totals(str(tmp_path), PARENT) == frozenset()
    path = write(rollout_path(tmp_path), [meta()])
    path.unlink()
    path.symlink_to("/dev/null")
    assert inherited_totals(str(tmp_path), PARENT) == frozenset()
