"""A store in plain dictionaries: what the real one must answer, and the comparison of both."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from openusaged.core.models import PreparedEvent
from openusaged.storage.store import Segment, Store

START_MS = 1_790_000_000_000
QUARTER = 900_000
PRIORITY = {"hook": 4, "sse": 3, "sqlite": 2, "jsonl": 2, "api": 1, "rpc": 1}
STATUS_RANK = {"unknown": None, "ok": 0, "aborted": 1, "error": 2}
TOKENS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
PLAIN = (*TOKENS, "reasoning", "requests", "lines_added", "lines_removed")
NAMES = ("provider", "account_id", "client", "branch", "tool_name", "language")


@dataclass
class Known:
    """One event in the model: all its reports, and who owns it."""

    first: PreparedEvent
    reports: list[PreparedEvent] = field(default_factory=list)
    response: str = ""
    session: str = ""
    agent: str = ""
    sidechain: bool = False
    names: dict[str, str] = field(default_factory=dict)

    def best(self, value, *, keyed=lambda v: v):
        """The value with the highest (channel priority, rank) among reports that know it."""
        ranked = [
            ((PRIORITY[report.event.channel], keyed(value(report))), value(report))
            for report in self.reports
            if value(report) is not None
        ]
        return max(ranked, key=lambda item: item[0])[1] if ranked else None

    @property
    def ts_ms(self) -> int:
        return min(report.event.ts_ms for report in self.reports)

    def number(self, name):
        return self.best(lambda report: getattr(report.event, name))

    @property
    def counts(self):
        return tuple(self.number(name) for name in TOKENS)

    @property
    def status(self) -> str:
        return (
            self.best(
                lambda report: None if report.event.status == "unknown" else report.event.status,
                keyed=lambda status: STATUS_RANK[status],
            )
            or "unknown"
        )


class Model:
    """Plain dictionaries that say what the store must answer."""

    def __init__(self) -> None:
        self.known: dict[object, Known] = {}
        self.gone: set[object] = set()
        self.frozen_buckets: list[tuple] = []
        self.frozen_events: Counter = Counter()
        self.spans: dict[tuple[str, str], list[int]] = {}
        self.first_names: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        self.staged = False
        self.all_names: dict = defaultdict(lambda: defaultdict(set))

    def add(self, report: PreparedEvent) -> str:
        """What the store must say about this report."""
        event = report.event
        ident = event.message_id or event.tool_call_id or event.turn_id
        key = (event.source, event.event_type, ident)
        response = event.request_id if event.message_id and event.request_id else ""
        if key in self.known and self._is_other(self.known[key], report, response):
            key = (*key, response)
        if key in self.gone:
            return "deduplicated"
        if key not in self.known:
            self.known[key] = Known(
                report,
                [report],
                response,
                event.session_id,
                event.agent,
                event.is_sidechain,
                {
                    **{name: getattr(event, name) for name in NAMES},
                    "client": event.client or event.source,
                    "project": report.project,
                },
            )
            self._touch(self.known[key], report)
            self._note(self.known[key])
            return "accepted"
        known = self.known[key]
        before = self._fingerprint(known)
        known.reports.append(report)
        if known.sidechain and not event.is_sidechain:
            known.sidechain = False
            known.agent = event.agent
            known.session = event.session_id or known.session
            known.response = response
        else:
            known.session = known.session or event.session_id
            if known.sidechain == event.is_sidechain:
                known.agent = known.agent or event.agent
                known.response = known.response or response
        for name in known.names:
            new = report.project if name == "project" else getattr(event, name)
            known.names[name] = known.names[name] or new
        after = self._fingerprint(known)
        self._touch(known, report)
        self._note(known)
        return "deduplicated" if before == after else "merged"

    @staticmethod
    def _is_other(known: Known, report: PreparedEvent, response: str) -> bool:
        event = report.event
        return (
            bool(known.response and response)
            and known.response != response
            and not (known.sidechain or event.is_sidechain)
            and known.ts_ms != event.ts_ms
            and known.counts != tuple(getattr(event, name) for name in TOKENS)
        )

    @staticmethod
    def _fingerprint(known: Known) -> object:
        def ranked(value, keyed=lambda v: v):
            return max(
                (
                    (PRIORITY[report.event.channel], keyed(value(report)))
                    for report in known.reports
                    if value(report) is not None
                ),
                default=None,
            )

        return (
            known.ts_ms,
            known.session,
            known.agent,
            known.sidechain,
            known.response,
            tuple(known.names.values()),
            *(ranked(lambda report, n=name: getattr(report.event, n)) for name in PLAIN),
            ranked(lambda report: report.event.model or None),
            ranked(
                lambda report: None if report.event.status == "unknown" else report.event.status,
                lambda status: STATUS_RANK[status],
            ),
            ranked(_cost),
            ranked(_calc),
            # a report that knows the output and calls it exact
            any(report.event.output is not None for report in known.reports),
        )

    def _note(self, known: Known) -> None:
        """Every name that an event of the session has or has had."""
        names = self.all_names[known.first.event.source, known.session]
        for name in ("account_id", "client", "project", "branch"):
            names[name].add(known.names[name])
        names["parent"].update(report.event.parent_session_id for report in known.reports)

    def _touch(self, known: Known, report: PreparedEvent) -> None:
        event = report.event
        if not event.session_id or known.session != event.session_id:
            return
        if event.event_type == "raw_envelope":
            return
        key = (event.source, event.session_id)
        span = self.spans.setdefault(key, [event.ts_ms, event.ts_ms])
        span[0] = min(span[0], event.ts_ms)
        span[1] = max(span[1], event.ts_ms)
        names = self.first_names[key]
        for name in ("account_id", "client", "project", "branch"):
            names[name] = names.get(name) or known.names[name]
        names["parent"] = names.get("parent") or event.parent_session_id

    def retain(self, cutoff_ms: int) -> int:
        old = [key for key, known in self.known.items() if known.ts_ms < cutoff_ms]
        for key in old:
            known = self.known.pop(key)
            self.gone.add(key)
            self.frozen_buckets.extend(_contributions(known))
            if known.first.event.event_type != "raw_envelope" and known.session:
                self.frozen_events[(known.first.event.source, known.session)] += 1
        return len(old)

    def contributions(self) -> list[tuple]:
        return self.frozen_buckets + [
            part for known in self.known.values() for part in _contributions(known)
        ]

    def session_events(self) -> Counter:
        counts = Counter(self.frozen_events)
        for known in self.known.values():
            if known.session and known.first.event.event_type != "raw_envelope":
                counts[(known.first.event.source, known.session)] += 1
        return counts


def _cost(report: PreparedEvent):
    event = report.event
    return None if event.cost_nano is None else (event.cost_nano, event.currency)


def _calc(report: PreparedEvent):
    if report.cost_nano is None:
        return None
    return (report.cost_nano, report.price_source == "custom")


def _contributions(known: Known):
    """(table, quarter, session, dimensions, sums) of one event."""
    event = known.first.event
    names = known.names
    quarter = known.ts_ms // QUARTER
    session = (event.source, known.session) if known.session else None
    if event.event_type == "tool_usage":
        calls = known.number("requests")
        calls = 1 if calls is None else calls
        dims = (
            names["account_id"],
            names["client"],
            names["project"],
            names["tool_name"],
            names["language"],
        )
        yield (
            "tool",
            quarter,
            session,
            dims,
            {
                "calls": calls,
                "errors": calls if known.status == "error" else 0,
                "aborted": calls if known.status == "aborted" else 0,
                "lines_added": known.number("lines_added") or 0,
                "lines_removed": known.number("lines_removed") or 0,
            },
        )
        return
    cost = known.best(_cost)
    dims = (
        names["account_id"],
        names["provider"],
        names["client"],
        known.best(lambda report: report.event.model or None) or "",
        names["project"],
        names["branch"],
        "subagent" if known.sidechain or known.agent else "main",
        cost[1] if cost else "USD",
    )
    if event.event_type == "turn_completed":
        # A turn's own numbers would count its messages twice.
        yield "message", quarter, session, dims, {"turns": 1}
    elif event.event_type == "message_usage":
        tokens = sum(known.number(name) or 0 for name in TOKENS)
        requests = known.number("requests")
        requests = 1 if requests is None else requests
        calc = known.best(_calc)
        usd = cost[0] if cost and cost[1] == "USD" else None
        priceless = requests if tokens and calc is None else 0
        sums = {name: known.number(name) or 0 for name in (*TOKENS, "reasoning")}
        sums |= {
            "requests": requests,
            "errors": requests if known.status == "error" and not tokens else 0,
            "calc_nano": calc[0] if calc else 0,
            "unpriced": priceless,
            "rec_nano": cost[0] if cost else 0,
            "rec_requests": requests if cost else 0,
            "auto_nano": usd if usd is not None else (calc[0] if calc else 0),
            "auto_unpriced": 0 if usd is not None else priceless,
            "fallback_nano": usd if usd is not None and calc is None else 0,
            "approx": requests if calc and not calc[1] else 0,
        }
        yield "message", quarter, session, dims, sums


def _nonzero(sums: dict[str, int]) -> dict[str, int]:
    return {name: value for name, value in sums.items() if value}


def _row_sums(row, names) -> dict[str, int]:
    return _nonzero({name: getattr(row, name) for name in names})


MESSAGE_SUMS = (
    *TOKENS, "reasoning", "requests", "errors", "turns", "calc_nano", "unpriced", "rec_nano",
    "rec_requests", "auto_nano", "auto_unpriced", "fallback_nano", "approx",
)  # fmt: skip
TOOL_SUMS = ("calls", "errors", "aborted", "lines_added", "lines_removed")
DIMENSIONS = ("account", "provider", "client", "model", "project", "branch", "agent_kind")


def _group(parts, key) -> dict:
    groups: dict = defaultdict(Counter)
    for part in parts:
        groups[key(part)].update(part[4])
    return {name: sums for name, total in groups.items() if (sums := _nonzero(total))}


def check(store: Store, model: Model) -> None:
    """Everything the store can be asked equals what the model says."""
    parts = model.contributions()
    messages = [part for part in parts if part[0] == "message"]
    tools = [part for part in parts if part[0] == "tool"]
    _check_usage(store, messages)
    assert {
        (row.account, row.client, row.project, row.tool, row.language): _row_sums(row, TOOL_SUMS)
        for row in store.tool_rows()
    } == _group(tools, lambda part: part[3])
    _check_sessions(store, model, parts)
    counts = store.counts()
    assert counts.hot == len(model.known)
    assert counts.identities == counts.stored == len(model.known) + len(model.gone)
    assert counts.sessions == sum(1 for events in model.session_events().values() if events)


def _check_usage(store: Store, messages) -> None:
    rows = store.usage_rows(group_by=DIMENSIONS)
    assert len(
        {tuple(getattr(row, name) for name in (*DIMENSIONS, "currency")) for row in rows}
    ) == len(rows)
    assert {
        tuple(getattr(row, name) for name in (*DIMENSIONS, "currency")): _row_sums(
            row, MESSAGE_SUMS
        )
        for row in rows
    } == _group(messages, lambda part: part[3])
    for offset in (0, 23, -40):
        segments = [Segment(0, 1 << 40, offset)]
        assert {
            (row.bucket, row.model, row.currency): _row_sums(row, MESSAGE_SUMS)
            for row in store.usage_rows(segments=segments, group_by=("model",))
        } == _group(messages, lambda part, o=offset: ((part[1] + o) // 96, part[3][3], part[3][7]))
    first = START_MS // QUARTER
    window = [part for part in messages if first + 1 <= part[1] < first + 3]
    assert {
        (row.account, row.currency): _row_sums(row, MESSAGE_SUMS)
        for row in store.usage_rows(start_q=first + 1, end_q=first + 3, group_by=("account",))
    } == _group(window, lambda part: (part[3][0], part[3][7]))
    only = [part for part in messages if part[3][0] == "a" and part[3][4] in ("/p", "")]
    assert {
        row.currency: _row_sums(row, MESSAGE_SUMS)
        for row in store.usage_rows(accounts=["a"], projects=["/p", ""], group_by=())
    } == _group(only, lambda part: part[3][7])


def _check_sessions(store: Store, model: Model, parts) -> None:
    total, records = store.sessions(limit=None)
    events = {key: number for key, number in model.session_events().items() if number}
    assert total == len(records)
    assert {(r.source, r.session_id): r.events for r in records} == events
    for record in records:
        key = (record.source, record.session_id)
        assert [record.first_ms, record.last_ms] == model.spans[key]
        _check_names(record, model, key)
        mine = [part for part in parts if part[2] == key]
        assert record.tool_calls == sum(part[4]["calls"] for part in mine if part[0] == "tool")
        assert {
            (row.provider, row.model, row.currency): _row_sums(row, MESSAGE_SUMS)
            for row in record.rows
        } == _group(
            (part for part in mine if part[0] == "message"),
            lambda part: (part[3][1], part[3][3], part[3][7]),
        )
        assert store.session(*key) == record


def _check_names(record, model: Model, key) -> None:
    names = model.first_names[key]
    shown = {
        "account_id": record.account,
        "client": record.client,
        "project": record.project,
        "branch": record.branch,
        "parent": record.parent_session_id,
    }
    if not model.staged:
        assert shown == {name: names[name] for name in shown}
        return
    # What arrives together is merged before it is named, so of several names another may be first.
    for name, value in shown.items():
        assert value or not names[name]
        assert value in model.all_names[key][name] | {""}
