"""The cards of an account's page that are read like a calendar: heat maps, days, resets."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from openusage_client.formatting import format_duration, format_tokens
from openusage_client.tui import limits
from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.text import bar, cell_width, clean, pad
from openusage_client.tui.views import breakdown, wording
from openusage_client.tui.views.chart import (
    joined,
    long_day,
    short_day,
)
from openusage_client.tui.views.detail_cards import Given
from openusage_client.tui.views.detail_charts import chart_spot, day_cursor, read_out
from openusage_client.tui.views.detail_page import Card, Spot
from openusage_client.tui.views.tile import first_day
from openusage_proto.activity_messages import Activity

MAX_WEEKS: Final = 53
_SHADES: Final = "·░▒▓█"
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SOON_S: Final = 900
_NEAR_S: Final = 3600
_MAX_DAYS: Final = 366


def heat_cards(given: Given) -> list[Card]:
    """Days of the weeks, and hours of the week, by how much was used."""
    activity = given.activity
    if activity is None:
        return []
    cards = [_heat_days(given, activity), _heat_hours(given, activity)]
    return [card for card in cards if card is not None]


def _heat_days(given: Given, activity: Activity) -> Card | None:
    values = {
        date.fromisoformat(day): tokens
        for day, tokens in zip(activity.dates, activity.days.tokens, strict=True)
    }
    if len(values) < 8 or not any(values.values()):
        return None
    spot = "chart/heat"
    focused = given.state.detail.focused("detail") == spot
    last = max(values)
    monday = last - timedelta(days=last.weekday())
    weeks = min(MAX_WEEKS, max(1, (given.width - 8) // 2), (monday - min(values)).days // 7 + 2)
    first = monday - timedelta(weeks=weeks - 1)
    top = max(values.values())
    chosen = date.fromisoformat(activity.dates[len(activity.dates) - 1 - day_cursor(given)])
    head: Line = [("  " if focused else "", "text"), ("Days of the week", "heading"),
                  (" tokens", "muted")]  # fmt: skip
    lines: list[Line] = [head, _months(first, weeks)]
    for weekday in range(7):
        line: Line = [("  ", "text"), (_WEEKDAYS[weekday] + " ", "label")]
        for week in range(weeks):
            day = first + timedelta(weeks=week, days=weekday)
            on = focused and day == chosen
            line.append(_shade(values.get(day), top, chosen=on))
        lines.append(joined(line))
    active = [tokens for tokens in values.values() if tokens]
    best = max(values, key=lambda day: values[day])
    if focused:
        note = read_out(given, activity, len(activity.dates) - 1 - day_cursor(given))
    else:
        days = f"{len(active)} of {len(values)} days active"
        mean = f"{format_tokens(sum(active) // len(active))} on one of them"
        peak = f"peak {format_tokens(top)} on {short_day(best)}"
        note = f"{days} · {mean} · {peak}"
        if cell_width(note) > given.width - 2:
            note = f"{days} · {peak}"
    lines.append([("  ", "text"), (note, "value" if focused else "muted")])
    return Card(
        id="activity_heatmap",
        title="Heat map",
        lines=[clip_line(line, given.width) for line in lines],
        spots=[chart_spot(given, activity, spot, len(activity.dates))],
    )


def _months(first: date, weeks: int) -> Line:
    """The month over the first week that begins in it."""
    text = ""
    shown = 0
    for week in range(weeks):
        day = first + timedelta(weeks=week)
        if day.month != shown and len(text) <= week * 2:
            text = text.ljust(week * 2) + f"{day:%b} "
            shown = day.month
    return [(" " * 6 + text.rstrip(), "muted")]


def _heat_hours(given: Given, activity: Activity) -> Card | None:
    sums = [[0] * 24 for _ in range(7)]
    for hour in activity.hours:
        local = limits.moment(hour.at).astimezone(given.state.now.tzinfo)
        sums[local.weekday()][local.hour] += hour.tokens
    top = max(map(max, sums))
    if not top:
        return None
    lines: list[Line] = [
        [("Hours of the week", "heading"), (" tokens of the last 8 weeks, local time", "muted")],
        [(" " * 6 + "".join(f"{hour:<6}" for hour in range(0, 24, 3)).rstrip(), "muted")],
    ]
    for weekday in range(7):
        line: Line = [("  ", "text"), (_WEEKDAYS[weekday] + " ", "label")]
        line += [_shade(tokens, top, chosen=False) for tokens in sums[weekday]]
        lines.append(joined(line))
    best = max(((day, hour) for day in range(7) for hour in range(24)),
               key=lambda at: sums[at[0]][at[1]])  # fmt: skip
    busiest = max(range(7), key=lambda day: sum(sums[day]))
    note = f"peak {_WEEKDAYS[best[0]]} {best[1]:02}:00 · busiest day {_WEEKDAYS[busiest]}"
    lines.append([("  ", "text"), (note, "muted")])
    return Card(
        id="activity_heatmap",
        title="Hours",
        lines=[clip_line(line, given.width) for line in lines],
    )


def _shade(value: int | None, top: int, *, chosen: bool) -> tuple[str, str]:
    """Two cells for one day or hour: five steps by glyph, so that it reads without colours."""
    if value is None:
        return ("[]" if chosen else "  ", "key" if chosen else "text")
    step = 0 if value <= 0 else max(1, min(4, -(-value * 4 // top)))
    glyph = _SHADES[step]
    if chosen:
        return ("[" + glyph, "key")
    role = "track" if step == 0 else "spark"
    return (" " + glyph if step == 0 else glyph * 2, role)


# ------------------------------------------------------------- days and resets


def days_card(given: Given) -> Card | None:
    """One row per local day with activity, newest first; runs of idle days are one row."""
    usage, state = given.account.usage, given.state
    if usage is None or not usage.days:
        return None
    series = breakdown.day_series(usage.days, state.now.date(), first_day(state), _MAX_DAYS)
    while series and not series[0][1].requests and not series[0][1].total_tokens:
        series.pop(0)
    if not series:
        return None
    top = max(totals.total_tokens for _, totals in series) or 1
    cost_cells = max(cell_width(wording.cost(totals)) for _, totals in series)
    room = max(0, min(24, given.width - 13 - 8 - cost_cells - 4))
    lines: list[Line] = [[("Days", "heading"), (" newest first", "muted")]]
    spots = []
    idle = 0
    for day, totals in reversed(series):
        if not totals.requests and not totals.total_tokens:
            idle += 1
            continue
        if idle:
            lines.append(_idle(idle))
            idle = 0
        filled, track = bar(totals.total_tokens / top, room)
        figure = given.figure().at_day(day.isoformat(), long_day(day))
        spots.append(Spot(id=f"day/{day}", line=len(lines), figure=figure, opens=figure))
        lines.append(
            [
                ("  ", "text"),
                (f"{day:%a} {day:%b} {day.day:>2}  ", "label"),
                (filled, "spark"),
                (track, "track"),
                (pad(format_tokens(totals.total_tokens), 7, ">"), "value"),
                ("  " + pad(wording.cost(totals), cost_cells, ">"), "cost"),
            ]
        )
    return Card(id="trends", title="Days", lines=lines, spots=spots)


def _idle(days: int) -> Line:
    return [(f"  {days} day{'' if days == 1 else 's'} without use", "muted")]


def _urgency(left_s: float) -> str:
    if left_s <= 0:
        return "muted"
    if left_s < _SOON_S:
        return "crit"
    return "warn" if left_s < _NEAR_S else "ok"


def timers_card(given: Given) -> Card | None:
    """Every reset in local time, soonest first; those that belong together on one line."""
    now = given.state.now
    groups: dict[datetime, list[str]] = {}
    for metric in given.account.metrics:
        if metric.resets_at:
            at = limits.moment(metric.resets_at).astimezone(now.tzinfo).replace(second=0)
            name = clean(limits.label(metric))
            if name not in groups.setdefault(at, []):
                groups[at].append(name)
    if not groups:
        return None
    lines: list[Line] = [[("Resets", "heading"), (f" in {now:%Z} time", "muted")]]
    for at in sorted(groups):
        left = (at - now).total_seconds()
        role = _urgency(left)
        word = "due" if left <= 0 else f"in {format_duration(left)}"
        lines.append(
            clip_line(
                [
                    ("  ", "text"), ("● ", role),
                    (pad(f"{at:%a} {at:%b} {at.day} {at:%H:%M}", 17), "text"),
                    (pad(f" {word}", 10), role if role != "ok" else "value"),
                    ("  " + ", ".join(groups[at]), "label"),
                ],
                given.width,
            )
        )  # fmt: skip
    return Card(id="timers", title="Resets", lines=lines)
