"""A tile's tools, MCP servers and what was done to the code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openusage_client.formatting import format_count, format_percent
from openusage_client.tui.layout import Line, clip_line, pick
from openusage_client.tui.text import FULL, bar, cell_width, clean, pad
from openusage_client.tui.views import breakdown, wording
from openusage_proto.messages import Metric, NamedCount, Usage

_BAR: Final = 24
_FUNCTIONS: Final = 3
_CODE_KEYS: Final = (
    "scored_commits", "commits", "files_changed", "ai_code_percentage", "prompts", "lines_accepted",
)  # fmt: skip


def is_code_metric(metric: Metric) -> bool:
    """True for a figure that belongs beside the lines of code."""
    return metric.key in _CODE_KEYS or metric.key.startswith("lines_")


def render_tools(rows: Sequence[NamedCount], width: int, *, expanded: bool) -> list[Line]:
    """The tools by calls, and how many calls have succeeded."""
    if not rows:
        return []
    if expanded:
        return render_count_rows("Tools", rows, width, note=_success(rows))
    return breakdown.render_counts("Tools", rows, width, note=_success(rows))


def _success(rows: Sequence[NamedCount]) -> str:
    """`98% ok` of all calls; nothing where nobody has said how calls ended."""
    calls = sum(row.calls for row in rows)
    failed = sum(row.errors + row.aborted for row in rows)
    return f"{format_percent(100.0 * (calls - failed) / calls)} ok" if calls and failed else ""


def render_mcp(rows: Sequence[NamedCount], width: int, *, expanded: bool) -> list[Line]:
    """Calls per server; expanded, the functions of each below it."""
    servers: dict[str, list[NamedCount]] = {}
    for row in rows:
        servers.setdefault(row.name.partition("/")[0], []).append(row)
    sums = [
        NamedCount(
            name=name,
            calls=sum(part.calls for part in parts),
            errors=sum(part.errors for part in parts),
        )
        for name, parts in servers.items()
    ]
    if not expanded:
        return breakdown.render_counts("MCP", sums, width)
    lines = render_count_rows("MCP servers", sums, width)[:1] if sums else []
    for server in sorted(sums, key=lambda row: -row.calls):
        parts = sorted(servers[server.name], key=lambda row: -row.calls)
        names = [(part.name.partition("/")[2], part.calls) for part in parts]
        line: Line = [("  ", "text"), (clean(server.name), "text"),
                      (f" {format_count(server.calls)}", "value")]  # fmt: skip
        shown = [(name, calls) for name, calls in names if name]
        for name, calls in shown[:_FUNCTIONS]:
            line += [(" · ", "muted"), (clean(name), "muted"), (f" {format_count(calls)}", "muted")]
        if len(shown) > _FUNCTIONS:
            line.append((f" · {len(shown) - _FUNCTIONS} more", "muted"))
        lines.append(clip_line(line, width))
    return lines


def render_count_rows(
    heading: str, rows: Sequence[NamedCount], width: int, note: str = ""
) -> list[Line]:
    """A heading and one row with a bar per name."""
    if not rows:
        return []
    ranked = sorted(rows, key=lambda row: -row.calls)
    top = ranked[0].calls or 1
    names = min(max(cell_width(clean(row.name)) for row in ranked), max(8, width // 2))
    cells = max(cell_width(format_count(row.calls)) for row in ranked)
    room = max(0, min(_BAR, width - names - cells - 16))
    total = f" {format_count(sum(row.calls for row in rows))} calls"
    lines: list[Line] = [[(heading, "heading"), (total, "muted"), (f" · {note}" if note else "",
                                                                   "muted")]]  # fmt: skip
    for at, row in enumerate(ranked):
        filled, track = bar(row.calls / top, room)
        line: Line = [
            ("  ", "text"),
            (pad(clean(row.name), names), "text"),
            (" ", "text"),
            (filled, f"series.{at % 6}"),
            (track, "track"),
            (" " + pad(format_count(row.calls), cells, ">"), "value"),
        ]
        if row.errors:
            line.append((f"  {format_count(row.errors)} failed", "warn"))
        lines.append(clip_line(line, width))
    return lines


def render_code(usage: Usage, metrics: Sequence[Metric], width: int) -> list[Line]:
    """Lines added and removed, and what else the vendor knows about the code."""
    added = sum(row.lines_added for row in usage.tools)
    removed = sum(row.lines_removed for row in usage.tools)
    lines: list[Line] = []
    if added or removed:
        line: Line = [("Code", "heading"), ("  ", "text"), (f"+{format_count(added)}", "ok"),
                      (f" -{format_count(removed)}", "crit"), (" lines", "muted")]  # fmt: skip
        room = max(0, min(_BAR, width - 34))
        plus = round(added / (added + removed) * room)
        bars: Line = [("  ", "text"), (FULL * plus, "bar.ok"), (FULL * (room - plus), "bar.crit")]
        lines.append(pick([[*line, *bars], line], width))
    for metric in metrics:
        if is_code_metric(metric) and (value := wording.plain_value(metric)):
            name = clean(metric.label or metric.key.replace("_", " "))
            start = "  " if lines else ""
            head: Line = [(start + name, "label"), ("  ", "text"), (value, "value")]
            lines.append(clip_line(head, width))
    return lines
