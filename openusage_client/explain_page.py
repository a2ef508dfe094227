"""
An explanation as lines of text and roles: what `openusage explain` prints and the dashboard draws.

Pure: from the daemon's answer to lines no wider than asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from openusage_client.formatting import (
    format_ago,
    format_clock,
    format_cost,
    format_count,
    format_local,
    format_money,
    format_tokens,
    parse_iso,
)
from openusage_client.preferences import HIDDEN
from openusage_client.price_pages import format_rate
from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.text import cell_width, clean, clip_middle, pad, wrap
from openusage_proto.explain_messages import (
    ExplainBucket,
    ExplainEvent,
    ExplainPrice,
    ExplainSession,
    Explanation,
)
from openusage_proto.messages import Totals

_KINDS: Final = {
    "input": "Input",
    "cache_read": "Cache read",
    "cache_write_5m": "Cache write, 5 min",
    "cache_write_1h": "Cache write, 1 h",
    "output": "Output",
}
_CHANNELS: Final = {
    "hook": "hook of the tool",
    "sse": "event stream of the tool",
    "log": "log or database of the tool",
    "api": "vendor's or another program's report",
}
_DELIVERED: Final = {
    "hook": "hook",
    "sse": "event stream",
    "jsonl": "log",
    "sqlite": "database",
    "api": "vendor's report",
    "rpc": "another program",
    "import": "first import",
    "several": "several channels",
}
_SOURCES: Final = {"several": "several tools"}
_MAX_PARTS: Final = 12
UNKNOWN: Final = "—"
SESSION_ROLES: Final = ("label", "muted", "text", "value", "cost")
"""Columns of `session_cells`."""
EVENT_ROLES: Final = ("label", "text", "muted", "muted", "muted", "muted", "cost")
"""Columns of `event_cells`."""


def explain_lines(
    answer: Explanation, *, now: datetime, width: int, costs: bool = True
) -> list[Line]:
    """The page of one number; without amounts of money where `costs` is False."""
    blocks = [
        _total(answer, now, costs=costs),
        _parts(answer, costs=costs),
        *([_money(answer), *(_price(price) for price in answer.prices)] if costs else []),
        _channels(answer, now),
        _sources(answer, now),
        _sessions(answer, now, width, costs=costs),
        _events(answer, now, width, costs=costs),
        _notes(answer),
        _query(answer, width),
    ]
    lines: list[Line] = []
    for block in blocks:
        if block:
            lines += [[], *block] if lines else block
    return [part for line in lines for part in _fitted(line, width)]


def _fitted(line: Line, width: int) -> list[Line]:
    """A line that is too long, broken at spaces and indented; tables never are."""
    if sum(cell_width(text) for text, _ in line) <= width or len(line) != 2:
        return [clip_line(line, width)]
    indent = " " * min(cell_width(line[0][0]), width // 3)
    parts = wrap(line[1][0], max(12, width - len(indent)))
    return [
        clip_line([(line[0] if index == 0 else (indent, "text")), (part, line[1][1])], width)
        for index, part in enumerate(parts)
    ]


# --------------------------------------------------------------------- the number


def _total(answer: Explanation, now: datetime, *, costs: bool) -> list[Line]:
    totals = answer.totals
    until = "now" if parse_iso(answer.until) >= now else format_local(answer.until, now)
    since = "the beginning" if answer.since is None else format_local(answer.since, now)
    span = f"{since} to {until}"
    lines: list[Line] = [[("Number", "heading"), ("", "text")]]
    lines.append([("  ", "text"), (f"{span}, {answer.timezone}", "label")])
    asked = [
        f"{name.replace('_', ' ')} {clean(value)}"
        for name, value in answer.question.items()
        if name not in ("since", "until", "window")
    ]
    if asked:
        lines.append([("  ", "text"), (" · ".join(asked), "label")])
    rows = [
        (_KINDS.get(bucket.name, clean(bucket.name)), format_count(bucket.tokens))
        for bucket in answer.buckets
        if bucket.tokens
    ]
    rows.append(("Total tokens", format_count(totals.total_tokens)))
    rows.append(("Requests", format_count(totals.requests)))
    if costs:
        rows.append(("Cost", cost_words(totals)))
    names, cells = _widths(rows)
    for name, value in rows:
        role = "cost" if name == "Cost" else "value" if name == "Total tokens" else "text"
        lines.append(
            [("  ", "text"), (pad(name, names), "label"), ("  " + pad(value, cells, ">"), role)]
        )
    return lines


def cost_words(totals: Totals) -> str:
    """A cost with its mark; unknown where nothing has a price."""
    if totals.cost_basis == HIDDEN:
        return ""
    if totals.cost_basis == "unpriced":
        text = UNKNOWN
    else:
        text = format_cost(totals.cost_usd, estimate=totals.cost_basis != "recorded")
        text += "+?" if totals.unpriced_requests else ""
    for currency, amount in sorted(totals.other_costs.items()):
        text += f" + {format_money(amount, clean(currency))}"
    return text


def _parts(answer: Explanation, *, costs: bool) -> list[Line]:
    if len(answer.parts) < 2:
        return []
    rows = [
        [
            clean(part.model) or "(no model)",
            clean(part.client) if part.client == part.account else
            f"{clean(part.client)} · {clean(part.account) or 'no account'}",
            format_count(part.totals.total_tokens),
            cost_words(part.totals) if costs else "",
        ]
        for part in answer.parts[:_MAX_PARTS]
    ]  # fmt: skip
    more = len(answer.parts) - len(rows)
    if more:
        rest = sum(part.totals.total_tokens for part in answer.parts[_MAX_PARTS:])
        rows.append([f"{more} more", "", format_count(rest), ""])
    return [
        [("Adds up from", "heading"), (" model, tool and account", "muted")],
        *table(rows, roles=("text", "label", "value", "cost")),
    ]


# --------------------------------------------------------------------- money


def _money(answer: Explanation) -> list[Line]:
    cost = answer.cost
    basis = {
        "calculate": "tokens times list price; what was recorded only where there is no price",
        "display": "what the tools recorded, nothing else",
        "auto": "what the tools recorded, else tokens times list price",
    }.get(cost.mode, clean(cost.mode))
    lines: list[Line] = [
        [("Money", "heading"), ("", "text")],
        [("  shown is ", "label"), (basis, "text")],
    ]
    rows = [("calculated", format_cost(cost.calculated_usd), "")]
    if cost.recalculated_usd is not None:
        same = abs(cost.recalculated_usd - cost.calculated_usd) < 5e-10
        note = "as stored" if same else "prices have changed; `openusage pricing --reprice`"
        rows.append(("by today's lists", format_cost(cost.recalculated_usd), note))
    if cost.recorded_requests:
        note = f"of {format_count(cost.recorded_requests)} requests"
        rows.append(("recorded", format_cost(cost.recorded_usd, estimate=False), note))
        difference = cost.calculated_usd - cost.recorded_usd
        whole = cost.recorded_requests >= answer.totals.requests
        if whole and abs(difference) >= 0.005:
            word = "more" if difference > 0 else "less"
            words = format_cost(abs(difference), estimate=False)
            rows.append(("difference", words, f"calculated is {word} than recorded"))
    if cost.filled_usd:
        note = "recorded amounts where no list has a price"
        rows.append(("filled in", format_cost(cost.filled_usd, estimate=False), note))
    names, cells = _widths([(name, value) for name, value, _ in rows])
    for name, value, note in rows:
        lines.append(
            [
                ("  ", "text"), (pad(name, names), "label"),
                ("  " + pad(value, cells, ">"), "cost"), (f"  {note}" if note else "", "muted"),
            ]
        )  # fmt: skip
    if cost.approximate_requests:
        count = format_count(cost.approximate_requests)
        lines.append(
            [("  ", "text"), (f"{count} requests by a price that fits only nearly", "warn")]
        )
    return lines


def _price(price: ExplainPrice) -> list[Line]:
    model = clean(price.model) or "(no model)"
    tier = f", {clean(price.service_tier)} tier" if price.service_tier else ""
    source = f"by {clean(price.source)}" if price.source else "no list knows a price"
    lines: list[Line] = [[(model, "heading"), (f" {source}{tier}", "muted")]]
    if price.list_name and price.list_name != price.model:
        lines.append([("  listed as ", "label"), (clean(price.list_name), "text")])
    if price.rates is None:
        return lines if price.source == "" else [*lines, *_tokens_only(price.buckets)]
    rates = {name: getattr(price.rates, name) for name in _KINDS}
    rows = [
        [
            _KINDS[bucket.name],
            format_count(bucket.tokens),
            f"x {format_rate(rates[bucket.name])}/M",
            format_cost(bucket.tokens * rates[bucket.name] / 1e6, estimate=False),
        ]
        for bucket in price.buckets
        if bucket.tokens
    ]
    listed = sum(bucket.tokens * rates[bucket.name] / 1e6 for bucket in price.buckets)
    lines += table(rows, roles=("label", "value", "muted", "cost"))
    stored = format_cost(price.calculated_usd, estimate=False)
    note = f"stored as {stored} for {format_count(price.requests)} requests"
    if abs(listed - price.calculated_usd) >= 0.00005:
        note += (
            "; large prompts are charged more" if price.tiered else "; at the rates of their day"
        )
    return [*lines, [("  ", "text"), (note, "muted")]]


def _tokens_only(buckets: Sequence[ExplainBucket]) -> list[Line]:
    rows = [[_KINDS[one.name], format_count(one.tokens)] for one in buckets if one.tokens]
    return table(rows, roles=("label", "text"))


# ------------------------------------------------------------------- provenance


def _channels(answer: Explanation, now: datetime) -> list[Line]:
    if not answer.channels and not answer.deliveries:
        return []
    lines: list[Line] = [[("Counted", "heading"), (" each response once", "muted")]]
    for row in answer.channels:
        words = (
            f"{format_count(row.events)} events from the {_CHANNELS.get(row.channel, row.channel)}"
        )
        if row.completed:
            words += f", {format_count(row.completed)} of them completed by another channel"
        lines.append([("  ", "text"), (words, "text")])
    if answer.deliveries:
        since = format_clock(answer.deliveries_since, now)
        lines.append(
            [("  ", "text"), (f"delivered since {since}, when the daemon started:", "label")]
        )
        rows = [
            [
                f"{_SOURCES.get(row.source) or clean(row.source)}, {_delivered(row.channel)}",
                f"{format_count(row.new)} new",
                f"{format_count(row.completed)} completed",
                f"{format_count(row.repeated)} repeated",
            ]
            for row in answer.deliveries
        ]
        lines += table(rows, roles=("text", "value", "muted", "muted"))
    return lines


def _delivered(channel: str) -> str:
    return _DELIVERED.get(channel) or clean(channel)


def _sources(answer: Explanation, now: datetime) -> list[Line]:
    if not answer.sources:
        return []
    lines: list[Line] = [[("Read from", "heading"), ("", "text")]]
    for source in answer.sources:
        name = clean(source.title or source.account) or "no account owns it"
        home = f" · {clean(source.home)}" if source.home else ""
        lines.append([("  ", "text"), (f"{name}{home}", "text")])
        words = f"{format_count(source.files)} files read"
        if source.files:
            words += f", {format_count(source.files_in_range)} written to in this range or later"
        if source.last_event_at:
            words += f" · last event {format_ago(source.last_event_at, now)}"
        lines.append([("    ", "text"), (words, "muted")])
        below = [clean(path).removeprefix(f"{clean(source.home)}/") for path in source.names]
        lines += [[("    ", "text"), (path, "label")] for path in below]
        if source.error:
            lines.append([("    ", "text"), (clean(source.error), "warn")])
    return lines


def _sessions(answer: Explanation, now: datetime, width: int, *, costs: bool) -> list[Line]:
    if not answer.sessions:
        return []
    lines: list[Line] = [
        [("Sessions", "heading"), (f" {format_count(answer.sessions_total)} in all", "muted")]
    ]
    rows = [session_cells(row, now, costs=costs) for row in answer.sessions]
    lines += table(rows, SESSION_ROLES, width)
    return lines


def session_cells(row: ExplainSession, now: datetime, *, costs: bool) -> list[str]:
    """When, which session, where, tokens and cost."""
    where = clean(row.project) + (f" @ {clean(row.branch)}" if row.branch else "")
    return [
        format_clock(row.last_at, now),
        clean(row.session_id)[:12],
        clip_middle(where or ", ".join(map(clean, row.models)), 28),
        format_tokens(row.totals.total_tokens),
        cost_words(row.totals) if costs else "",
    ]


def _events(answer: Explanation, now: datetime, width: int, *, costs: bool) -> list[Line]:
    if not answer.events:
        return []
    shown, total = len(answer.events), answer.events_total
    note = f" the latest {shown} of {format_count(total)}" if total > shown else f" {shown}"
    rows = [event_cells(event, now, costs=costs) for event in answer.events]
    return [
        [("Events", "heading"), (note, "muted")],
        *table(rows, EVENT_ROLES, width),
    ]


def event_cells(event: ExplainEvent, now: datetime, *, costs: bool) -> list[str]:
    """When, model, the kinds of tokens, cost; a dash is what the source did not say."""
    writes = [
        count
        for count in (event.cache_write_5m_tokens, event.cache_write_1h_tokens)
        if count is not None
    ]
    amount = UNKNOWN if event.calculated_usd is None else format_cost(event.calculated_usd)
    if event.recorded is not None:
        amount = format_money(event.recorded, clean(event.currency))
    who = f" ({clean(event.agent)})" if event.agent else ""
    return [
        format_clock(event.at, now),
        clip_middle(clean(event.model) or "(no model)", 26) + who,
        f"in {_count(event.input_tokens)}",
        f"read {_count(event.cache_read_tokens)}",
        f"write {_count(sum(writes) if writes else None)}",
        f"out {_count(event.output_tokens)}",
        amount if costs else "",
    ]


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else format_tokens(value)


def _notes(answer: Explanation) -> list[Line]:
    lines: list[Line] = [[("Note", "heading"), ("", "text")]]
    if answer.requests_without_detail and answer.detail_since:
        since = answer.detail_since[:10]
        lines.append([("  ", "text"), (f"single events are kept since {since}", "label")])
    return [*lines, *([("  ", "text"), (clean(note), "label")] for note in answer.notes)]


def _query(answer: Explanation, width: int) -> list[Line]:
    lines: list[Line] = [[("Query", "heading"), (" on the database file", "muted")]]
    return [*lines, *([("  ", "text"), (part, "muted")] for part in
                      wrap(clean(answer.query), max(20, width - 2)))]  # fmt: skip


# ----------------------------------------------------------------------- tables


def _widths(rows: Sequence[tuple[str, str]]) -> tuple[int, int]:
    return max(cell_width(row[0]) for row in rows), max(cell_width(row[1]) for row in rows)


def table(
    rows: Sequence[Sequence[str]], roles: Sequence[str], width: int | None = None
) -> list[Line]:
    """
    Rows in aligned columns, words to the left and figures to the right.

    Columns without any word are left out, and where there is not enough room, faint ones are, from
    the right.
    """
    if not rows:
        return []
    widths = [max(cell_width(row[at]) for row in rows) for at in range(len(roles))]
    shown = [at for at, cells in enumerate(widths) if cells]
    while width and sum(widths[at] + 2 for at in shown) > width:
        faint = [at for at in shown if roles[at] == "muted"]
        if not faint:
            break
        shown.remove(faint[-1])
    lines: list[Line] = []
    for row in rows:
        line: Line = [("  ", "text")]
        for at in shown:
            align = "<" if roles[at] in ("label", "text") else ">"
            gap = "" if at == shown[0] else "  "
            line.append((gap + pad(row[at], widths[at], align), roles[at]))
        lines.append(line)
    return lines
