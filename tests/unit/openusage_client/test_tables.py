"""Tables that fit whatever is in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openusage_client.tables import UNLIMITED_NAME_CELLS, Column, Row, Table, render
from openusage_client.terminal import Style
from openusage_client.tui.text import cell_width

PLAIN = Style(color=False, unicode=True)
COLUMNS = (Column("NAME", "<", shrink_to=4), Column("FEW", rank=1), Column("SUM"))


def table(*rows: tuple[str, str, str]) -> Table:
    return Table(COLUMNS, [Row(cells) for cells in rows])


def test_numbers_align_right_and_names_left() -> None:
    """Columns line up by cells, so a wide name does not shift its numbers."""
    lines = render([table(("ab", "1", "22"), ("港口", "333", "4"))], 80, PLAIN)
    assert lines == ["NAME  FEW  SUM", "ab      1   22", "港口  333    4"]


def test_first_variant_that_fits_wins() -> None:
    """All digits are shown where there is room, short ones elsewhere."""
    variants = [table(("name", "1,234", "1,234,567")), table(("name", "1.2k", "1.2M"))]
    assert "1,234,567" in render(variants, 22, PLAIN)[1]
    assert render(variants, 21, PLAIN)[1] == "name  1.2k  1.2M"


def test_names_are_cut_before_columns_go() -> None:
    """A name loses letters first, then the least wanted column goes; the sum stays."""
    wide = [table(("a long name", "11", "22"))]
    assert render(wide, 17, PLAIN)[1] == "a long…   11   22"
    assert render(wide, 12, PLAIN) == ["NAME     SUM", "a long…   22"]


def test_unlimited_width_keeps_everything_but_endless_names() -> None:
    """A pipe gets all columns of the first variant; a name has a bound there too."""
    lines = render([table(("x" * 500, "1", "2"))], None, PLAIN)
    assert cell_width(lines[1]) == UNLIMITED_NAME_CELLS + 10


def test_total_is_separated_and_roles_are_painted() -> None:
    """The total stands below a rule; colours wrap whole lines and no more."""
    rows = [Row(("a", "1", "2")), Row(("b", "1", "2"), "child"), Row(("t", "2", "4"), "total")]
    lines = render([Table(COLUMNS, rows)], 80, Style(color=True, unicode=True))
    assert lines[0] == "\x1b[1mNAME  FEW  SUM\x1b[0m"
    assert lines[2] == "\x1b[2mb       1    2\x1b[0m"
    assert lines[3] == "----  ---  ---"
    assert lines[4].startswith("\x1b[1mt")


def test_control_characters_never_reach_the_terminal() -> None:
    """A name cannot move the cursor or end the line."""
    (line,) = render([table(("a\x1b[2J\nb\r", "1", "2"))], 80, PLAIN)[1:]
    assert line.isprintable()


@given(
    st.lists(
        st.tuples(st.text(max_size=40), st.text(max_size=12), st.text(max_size=12)), max_size=5
    ),
    st.integers(1, 120),
)
def test_no_line_is_wider_than_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    """Whatever the names and however narrow the terminal, no line wraps."""
    for line in render([table(*rows)], width, PLAIN):
        assert cell_width(line) <= width
