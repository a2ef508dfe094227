"""The analytics screen: all accounts over the window, beside the period before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from openusage_client.formatting import format_cost, format_count, format_money, format_tokens
from openusage_client.tui.analytics.figures import Figures, figures, relative
from openusage_client.tui.analytics.keys import ANALYTICS
from openusage_client.tui.analytics.model import SORTS
from openusage_client.tui.layout import Line, clip_line, column_width, flow, line_width, spread
from openusage_client.tui.limits import moment
from openusage_client.tui.matching import matching
from openusage_client.tui.state import WINDOW_TITLES, AppState
from openusage_client.tui.text import cell_width, clean, pad
from openusage_client.tui.views import analytics_panels as panels
from openusage_client.tui.views import budgets, wording
from openusage_client.tui.views.chart import Axis, bar_chart
from openusage_proto.analytics_messages import Analytics

STAYING: Final = 1
_COLUMNS_FROM: Final = ((150, 3), (92, 2))
_CHART_ROWS: Final = 7
_NAME_CELLS: Final = 12


def render_analytics(state: AppState, width: int) -> list[Line]:
    """All lines of the screen; the first one stays."""
    answer = state.answers.get("analytics")
    value = answer.value if answer is not None else None
    title = _title(state, value if isinstance(value, Analytics) else None, width)
    if answer is not None and answer.error:
        return [title, [], [(f"  {clean(answer.error)}", "warn")]]
    if not isinstance(value, Analytics):
        return [title, [], [("  reading …", "muted")]]
    shown = figures(state, value)
    if not shown.total.requests and not shown.total.total_tokens:
        return [title, [], [(f"  {_nothing(state)}", "muted")], *_quiet(state, width)]
    outer = max(1, width - 2)
    lines = _sums(state, value, shown, outer)
    lines += [[], *_chart(shown, outer)]
    columns = next((count for least, count in _COLUMNS_FROM if width >= least), 1)
    inner = column_width(outer, columns)
    lines += [[], *flow(_blocks(state, shown, inner), columns, outer)]
    grid = panels.matrix(shown, state.analytics.sort, outer)
    lines += [[], *grid] if grid else []
    return [title, *([(" ", "text"), *line] if line else [] for line in lines)]


def _title(state: AppState, answer: Analytics | None, width: int) -> Line:
    left: Line = [(" Analytics ", "title")]
    wanted = state.filters.get(ANALYTICS, "")
    if wanted and state.model is not None:
        count = len(matching(state.model.accounts, state.providers, wanted))
        left.append((f" /{clean(wanted)} {count} of {len(state.model.accounts)}", "accent"))
    asked = state.answers.get(ANALYTICS)
    if (
        answer is not None
        and asked is not None
        and _window_of(asked.question.params) != state.window
    ):
        left.append((f"  loading {WINDOW_TITLES[state.window]} …", "warn"))
    others = " ".join(f"[{name}]" if name == state.analytics.sort else name for name in SORTS)
    long: Line = [("order ", "muted"), (others + " ", "label")]
    short: Line = [(f"by {state.analytics.sort} ", "label")]
    return spread(left, long if width >= 90 else short, width)


def _window_of(params: Sequence[tuple[str, object]]) -> object:
    return dict(params).get("window")


def _nothing(state: AppState) -> str:
    if state.filters.get(ANALYTICS):
        return "No account with any use matches. Esc shows all again."
    if state.window != "all":
        return "Nothing was used in this window; w chooses a longer one."
    return "Nothing was used yet: use one of the tools once."


def _quiet(state: AppState, width: int) -> list[Line]:
    """Limits and budgets are known without any use."""
    inner = max(1, width - 2)
    found = (panels.pressure(state, _accounts(state), inner), budgets.panel(state, inner))
    return [line for lines in found if lines
            for line in ([], *([(" ", "text"), *line] for line in lines))]  # fmt: skip


def _accounts(state: AppState) -> frozenset[str] | None:
    wanted = state.filters.get(ANALYTICS, "")
    if not wanted or state.model is None:
        return None
    found = matching(state.model.accounts, state.providers, wanted)
    return frozenset(account.account_id for account in found)


def _blocks(state: AppState, shown: Figures, width: int) -> list[list[Line]]:
    sort = state.analytics.sort
    return [
        panels.leaders("Accounts", shown.accounts, shown, sort, width),
        panels.leaders("Models", shown.models, shown, sort, width),
        panels.changes(shown, sort, width),
        panels.pressure(state, _accounts(state), width),
        budgets.panel(state, width),
        panels.leaders("Projects", shown.projects, shown, sort, width, sparks=True),
        panels.leaders("Tools", shown.clients, shown, sort, width, sparks=True),
        panels.efficiency(shown, width),
        panels.leaders("MCP servers", shown.mcp, shown, sort, width, sparks=True),
        panels.peak(shown, width),
    ]


# -------------------------------------------------------------------- the sums


def _sums(state: AppState, answer: Analytics, shown: Figures, width: int) -> list[Line]:
    total = shown.total
    used = sum(1 for item in shown.accounts if item.totals.requests or item.totals.total_tokens)
    count = len(state.model.accounts) if state.model else used
    facts: list[tuple[str, Line]] = []
    if shown.costs:
        note = _hidden_note(shown)
        facts.append(("Spend", [(wording.cost(total), "cost"), (note, "muted"),
                                (_basis(total.cost_basis), "muted")]))  # fmt: skip
    facts.append(
        (
            "Tokens",
            [
                (format_tokens(total.total_tokens), "value"),
                (f"  {wording.kinds(total)}", "muted"),
            ],
        )
    )
    facts.append(("Active days", _average(shown)))
    facts.append(("Trend", _trend(state, answer, shown)))
    accounts = f"{used} of {max(count, used)} accounts"
    facts.append(("Used by", [(accounts, "text"), (f"  {format_count(total.requests)} requests",
                                                   "muted")]))  # fmt: skip
    return [line for name, words in facts for line in _fact(name, words, width)]


def _fact(name: str, words: Line, width: int) -> list[Line]:
    """A name and what is known, word by word on as many lines as it takes."""
    whole: Line = [(pad(name, _NAME_CELLS), "label"), *words]
    if line_width(whole) <= width:
        return [whole]
    lines: list[Line] = [whole[:1]]
    for word, role in ((word, role) for text, role in words for word in text.split()):
        if line_width(lines[-1]) + 1 + cell_width(word) > width:
            lines.append([(pad("", _NAME_CELLS), "label")])
        gap = "" if len(lines[-1]) == 1 else " "
        lines[-1].append((gap + word, role))
    return [clip_line(line, width) for line in lines]


def _basis(basis: str) -> str:
    return {
        "estimate": "  estimated at list price, no bill",
        "recorded": "  as recorded by the tools",
        "mixed": "  partly recorded, partly estimated at list price",
        "unpriced": "  no price is known",
    }.get(basis, "")


def _hidden_note(shown: Figures) -> str:
    if not shown.hidden:
        return ""
    return f" · without {shown.hidden} account{'' if shown.hidden == 1 else 's'} (costs hidden)"


def _average(shown: Figures) -> Line:
    days = shown.active_days
    line: Line = [(f"{days} of {len(shown.dates)}", "value")]
    if not days:
        return line
    each = format_tokens(round(sum(shown.tokens) / days))
    spent = sum(shown.cost)
    if shown.costs and spent > 0:
        estimate = sum(shown.recorded) < spent
        amount = format_cost(spent / days, estimate=estimate)
        amount += wording.UNPRICED_MARK if shown.total.unpriced_requests else ""
        line += [("  ", "text"), (amount, "cost"), (f" and {each} tokens per active day", "muted")]
    else:
        line.append((f"  {each} tokens per active day", "muted"))
    return line


def _trend(state: AppState, answer: Analytics, shown: Figures) -> Line:
    """How the window compares with the one before it; why not, when it cannot be compared."""
    if answer.previous_since is None:
        return [(wording.UNKNOWN, "muted"), ("  there is nothing before all time", "muted")]
    before = shown.previous
    if before is None:
        since = answer.history_since
        first = f"{date.fromisoformat(since):%b} {date.fromisoformat(since).day}" if since else ""
        words = f"  nothing to compare with: history begins on {first}" if first else ""
        return [(wording.UNKNOWN, "muted"), (words, "muted")]
    parts: Line = []
    past = [format_tokens(before.total_tokens)]
    if shown.costs and (shown.total.cost_usd > 0 or before.cost_usd > 0):
        words = relative(shown.total.cost_usd, before.cost_usd)
        parts += [(words, "value"), (" spend, ", "muted")]
        past.insert(0, wording.cost(before))
    words = relative(shown.total.total_tokens, before.total_tokens)
    parts += [
        (words, "value"),
        (f" tokens, against {_before_words(state, answer)}", "muted"),
        (f" ({', '.join(past)})", "muted"),
    ]
    return parts


def _before_words(state: AppState, answer: Analytics) -> str:
    if answer.previous_until and state.window == "1d":
        until = moment(answer.previous_until).astimezone(state.now.tzinfo)
        return f"yesterday until {until:%H:%M}"
    return f"the {WINDOW_TITLES.get(state.window, 'time')} before"


# ------------------------------------------------------------------- the chart


def _chart(shown: Figures, width: int) -> list[Line]:
    """Cost per day with its estimates marked, or tokens where costs are hidden or unknown."""
    dates = [date.fromisoformat(day) for day in shown.dates]
    if shown.costs and any(shown.cost):
        recorded, spent = sum(shown.recorded), sum(shown.cost)
        estimated = max(0.0, spent - recorded)
        if estimated < 0.005 * spent:
            words = " as recorded"
        elif recorded > 0:
            words = (
                f" {format_cost(estimated)} of it estimated at list price, "
                f"{format_cost(recorded, estimate=False)} recorded; days with estimates have ≈"
            )
        else:
            words = " ≈ all of it estimated at list price"
        axis = Axis(
            dates=dates, width=width, height=_CHART_ROWS,
            words=lambda value: format_cost(value, estimate=estimated >= 0.005 * spent),
        )  # fmt: skip
        marks = [cost - part > 1e-9 for cost, part in zip(shown.cost, shown.recorded, strict=True)]
        lines = bar_chart(axis, shown.cost, "cost", marks if recorded > 0 else ())
        head: Line = [("Cost per day", "heading"), (words, "muted")]
        other = _others(shown)
        return [clip_line(head, width), *lines, *other]
    if not any(shown.tokens):
        return []
    axis = Axis(
        dates=dates, width=width, height=_CHART_ROWS,
        words=lambda value: format_tokens(round(value)),
    )  # fmt: skip
    return [
        [("Tokens per day", "heading")],
        *bar_chart(axis, [float(tokens) for tokens in shown.tokens], "spark"),
    ]


def _others(shown: Figures) -> list[Line]:
    """Other currencies are never in the bars."""
    amounts = [
        format_money(amount, clean(currency))
        for currency, amount in sorted(shown.total.other_costs.items())
    ]
    if not amounts:
        return []
    return [[(f"  not in the chart: {', '.join(amounts)} recorded", "muted")]]
