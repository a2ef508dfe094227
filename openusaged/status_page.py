"""The answer of `status` as a page for people.  Pure: a dict in, lines out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def render(status: Mapping[str, Any]) -> str:
    """A page of at most a screen on a healthy machine; trouble is at its end, where eyes rest."""
    return "\n".join(_lines(status)) + "\n"


def _lines(status: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"openusaged {status['version']}, protocol {status['protocol']}, pid {status['pid']}"
        + (", DEMO DATA" if status.get("demo") else "")
    )
    yield (
        f"up {_duration(status['uptime_s'])}, CPU {status['cpu_s']:.1f} s, "
        f"memory {_size(status['rss_bytes'])}"
    )
    yield f"socket    {status['socket']}"
    yield (
        f"database  {status['database']} ({_size(status['database_bytes'])}"
        f" + {_size(status['wal_bytes'])} write-ahead log)"
    )
    events = status["events"]
    yield (
        f"events    {events['stored']:,} stored; since start {events['accepted']:,} new, "
        f"{events['deduplicated']:,} repeated, {events['merged']:,} completed, "
        f"{events['rejected']:,} rejected"
    )
    spool = status["spool"]
    yield (
        f"spool     {spool['pending']} waiting, {spool['rejected']} rejected, "
        f"{spool['dropped']} dropped"
    )
    busy = ", ".join(f"{name} {depth}" for name, depth in status["queues"].items() if depth)
    yield f"queues    {busy or 'empty'}"
    yield f"clients   {status['connections']} connected, {status['subscribers']} subscribed"
    alerts = status.get("alerts") or {}
    if alerts.get("enabled"):
        problem = f" ({alerts['last_error']})" if alerts["last_error"] else ""
        yield (
            f"alerts    {alerts['active']} active; since start {alerts['fired']} fired, "
            f"{alerts['waiting']} waiting, {alerts['failed']} failed{problem}"
        )
    yield from _import(status["importing"])
    yield from _sources(status.get("sources") or [])
    for warning in status.get("warnings") or []:
        yield f"warning: {warning}"
    for error in status.get("errors") or []:
        times = f" ({error['count']} times)" if error.get("count", 1) > 1 else ""
        yield f"error at {error['at']} in {error['where']}{times}: {error['message']}"


def _import(progress: Mapping[str, Any]) -> Iterator[str]:
    if progress.get("active"):
        total = progress.get("total_bytes") or 0
        done = progress.get("done_bytes") or 0
        percent = f"{100 * done / total:.0f} %" if total else "starting"
        yield f"import    running: {percent} of {_size(total)}, {progress['events']:,} events"
    elif progress.get("finished_at"):
        yield (
            f"import    {progress['events']:,} events in {progress['seconds']:.1f} s, "
            f"finished {progress['finished_at']}"
        )


def _sources(sources: list[Mapping[str, Any]]) -> Iterator[str]:
    if not sources:
        yield "sources   none: no AI tool was found on this machine"
        return
    yield "sources"
    for source in sources:
        parts = [f"{source['units']} files, {_size(source['bytes'])}"]
        if source.get("last_scan_at"):
            parts.append(f"scanned {source['last_scan_at']}")
        if source.get("last_poll_at"):
            parts.append(f"polled {source['last_poll_at']} {source.get('poll_status', '')}".strip())
        if source.get("error"):
            parts.append(f"error: {source['error']}")
        yield f"  {source['account_id']:<24} {source['home']}"
        yield f"  {'':<24} {'; '.join(parts)}"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _duration(seconds: float) -> str:
    whole = int(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
