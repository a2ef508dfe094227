"""The page of one number: whole pages as reviewed, and what each part of it promises."""

from __future__ import annotations

import dataclasses

import pytest

from openusage_client.explain_page import cost_words, explain_lines, table
from openusage_client.tui.layout import line_width, plain
from openusage_client.tui.theme import ROLES
from openusage_proto.messages import Totals
from tests.support import detail_samples as details
from tests.support import screen_samples as samples
from tests.support.screens import check_golden, page_of


def page(answer, width=100, *, costs=True):
    """The page as text."""
    lines = explain_lines(answer, now=samples.NOW, width=width, costs=costs)
    return [plain(line).rstrip() for line in lines]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_golden(width):
    """The page looks as reviewed (rewritten by `make golden`)."""
    check_golden(f"cli/explain-{width}", page_of(page(details.explanation(events="two"), width)))


@pytest.mark.parametrize("width", [*range(20, 130, 11)])
def test_no_line_is_too_wide_and_every_role_is_known(width):
    """Narrow terminals shed columns instead of breaking lines."""
    for costs in (True, False):
        lines = explain_lines(
            details.explanation(events="two"), now=samples.NOW, width=width, costs=costs
        )
        assert all(line_width(line) <= width for line in lines)
        assert {role for line in lines for _, role in line} <= set(ROLES)


def test_hidden_costs_leave_no_amount():
    """Neither prices nor amounts, in dollars or other currencies."""
    text = "\n".join(page(details.explanation(events="two"), costs=False))
    assert "$" not in text
    assert "EUR" not in text
    assert "Total tokens" in text


def test_changed_prices_and_recorded_amounts_are_told_apart():
    """Stored, by today's lists, recorded, and how far apart they are."""
    told = [" ".join(line.split()) for line in page(details.explanation())]
    assert "calculated ≈$1.87" in told
    assert "by today's lists ≈$1.91 prices have changed; `openusage pricing --reprice`" in told
    assert "recorded $1.55 of 57 requests" in told
    assert "difference $0.32 calculated is more than recorded" in told
    assert "2 requests by a price that fits only nearly" in told
    same = details.explanation()
    same = dataclasses.replace(same, cost=dataclasses.replace(same.cost, recalculated_usd=1.87))
    assert "by today's lists ≈$1.87 as stored" in [" ".join(line.split()) for line in page(same)]


def test_what_nobody_knows_is_a_dash_and_not_zero():
    """No price, a bucket the source left out, an amount in another currency."""
    assert cost_words(Totals(cost_basis="unpriced")) == "—"
    assert cost_words(Totals(cost_usd=1.0, unpriced_requests=2)) == "≈$1.00+?"
    assert cost_words(Totals(cost_basis="recorded", other_costs={"EUR": 2.0})) == "$0.00 + 2.00 EUR"
    text = "\n".join(page(details.explanation(events="two"), 140))
    assert "read —" in text
    assert "0.02 EUR" in text
    assert "basalt-x no list knows a price, fast tier" in text


def test_many_parts_are_summed_in_a_last_row():
    """Twelve addends, and the rest together, so that the page still adds up."""
    answer = details.explanation()
    answer = dataclasses.replace(answer, parts=[answer.parts[0]] * 20)
    assert any("8 more" in line and "8,000,000" in line for line in page(answer))
    one = dataclasses.replace(answer, parts=answer.parts[:1], sessions=[], sources=[], channels=[],
                              deliveries=[], prices=[], since=None)  # fmt: skip
    text = "\n".join(page(one))
    assert "Adds up" not in text
    assert "the beginning to now" in text


def test_a_batch_of_several_tools_says_so():
    """A first import of many tools is no tool called `several`."""
    row = dataclasses.replace(
        details.explanation().deliveries[0], source="several", channel="import"
    )
    answer = dataclasses.replace(details.explanation(), deliveries=[row])
    assert any("several tools, first import" in line for line in page(answer))


def test_names_cannot_move_the_cursor():
    """Control characters out of logs never reach the terminal."""
    answer = details.explanation()
    evil = "\x1b[31mred\x07"
    answer = dataclasses.replace(
        answer,
        question={"model": evil},
        query=evil,
        notes=[evil],
        sources=[dataclasses.replace(answer.sources[0], title=evil, names=[evil])],
        parts=[dataclasses.replace(part, model=evil, account=evil) for part in answer.parts],
        prices=[dataclasses.replace(price, model=evil, source=evil) for price in answer.prices],
        sessions=[
            dataclasses.replace(row, session_id=evil, project=evil) for row in answer.sessions
        ],
    )
    assert "\x1b" not in "\n".join(page(answer))
    assert table([], ("text",)) == []
