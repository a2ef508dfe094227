"""
From the daemon's rows to what the analytics screen shows: sums by name, trends, peaks.

Pure.  Accounts that the filter leaves out are not counted; of accounts whose costs are hidden
everything but the costs is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from openusage_client.preferences import HIDDEN
from openusage_client.tui.state import AppState
from openusage_proto.analytics_messages import Analytics, AnalyticsRow
from openusage_proto.messages import Totals
from openusage_proto.values import dataclass

NOBODY = ""
"""Account of what no account owns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One name, over all the accounts that are shown."""

    name: str
    label: str
    totals: Totals
    previous: Totals | None = None
    days: tuple[int, ...] = ()
    """Tokens per day, calls for MCP servers; empty where they were not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything on the screen."""

    dates: tuple[str, ...]
    total: Totals
    previous: Totals | None
    """None when there is no period before, or history begins within it."""
    accounts: tuple[Item, ...] = ()
    models: tuple[Item, ...] = ()
    clients: tuple[Item, ...] = ()
    projects: tuple[Item, ...] = ()
    mcp: tuple[Item, ...] = ()
    tokens: tuple[int, ...] = ()
    cost: tuple[float, ...] = ()
    recorded: tuple[float, ...] = ()
    hours: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """Tokens by (weekday, hour)."""
    hidden: int = 0
    """Accounts whose costs are not to be shown."""

    @property
    def costs(self) -> bool:
        """Whether any cost may be shown."""
        return self.total.cost_basis != HIDDEN

    @property
    def active_days(self) -> int:
        """Days on which anything was used."""
        return sum(1 for tokens in self.tokens if tokens)


def figures(state: AppState, answer: Analytics) -> Figures:
    """What the screen shows of an answer."""
    shown = _shown(state)
    hidden = _hidden(state)
    rows = [row for row in answer.accounts if shown is None or row.account in shown]
    if not answer.previous_complete:
        answer = replace(answer, previous_since=None)
    compared = answer.previous_since is not None

    def items(
        source: Sequence[AnalyticsRow], names: Mapping[str, str] | None = None
    ) -> tuple[Item, ...]:
        kept = [row for row in source if shown is None or row.account in shown]
        return _items(kept, hidden, compared=compared, names=names)

    titles = {one.account_id: one.title for one in state.model.accounts} if state.model else {}
    visible = [row for row in rows if row.account not in hidden]
    hours: dict[tuple[int, int], int] = {}
    for hour in answer.hours:
        if shown is None or hour.account in shown:
            key = (hour.weekday, hour.hour)
            hours[key] = hours.get(key, 0) + hour.tokens
    return Figures(
        dates=tuple(answer.dates),
        total=summed(_costless(row.totals, row.account in hidden) for row in rows),
        previous=(
            summed(_costless(row.previous, row.account in hidden) for row in rows if row.previous)
            if compared
            else None
        ),
        accounts=items(answer.accounts, {NOBODY: "(no account)", **titles}),
        models=items(answer.models),
        clients=items(answer.clients),
        projects=items(answer.projects),
        mcp=items(answer.mcp),
        tokens=_added([row.tokens for row in rows], len(answer.dates)),
        cost=_added([row.cost_usd for row in visible], len(answer.dates)),
        recorded=_added([row.recorded_usd for row in visible], len(answer.dates)),
        hours=hours,
        hidden=len({row.account for row in rows} & hidden),
    )


def _shown(state: AppState) -> frozenset[str] | None:
    """Accounts that the screen's filter finds; None for everything there is."""
    from openusage_client.tui.matching import matching

    wanted = state.filters.get("analytics", "")
    if not wanted or state.model is None:
        return None
    found = matching(state.model.accounts, state.providers, wanted)
    return frozenset(account.account_id for account in found)


def _hidden(state: AppState) -> frozenset[str]:
    return hidden_accounts(state)


def hidden_accounts(state: AppState) -> frozenset[str]:
    """Accounts without costs; what no account owns goes with them when all are hidden."""
    accounts = state.model.accounts if state.model else []
    wishes = state.preferences
    names = {account.account_id for account in accounts if wishes.hides_costs(account)}
    everything = accounts and len(names) == len(accounts)
    return frozenset(names | {NOBODY} if wishes.hide_costs is True or everything else names)


def _costless(totals: Totals, hide: bool) -> Totals:  # noqa: FBT001
    if not hide:
        return totals
    return replace(totals, cost_usd=0.0, cost_basis=HIDDEN, unpriced_requests=0, other_costs={})


def _items(
    rows: Iterable[AnalyticsRow],
    hidden: frozenset[str],
    *,
    compared: bool,
    names: Mapping[str, str] | None,
) -> tuple[Item, ...]:
    groups: dict[str, list[AnalyticsRow]] = {}
    for row in rows:
        groups.setdefault(row.name, []).append(row)
    return tuple(
        Item(
            name=name,
            label=(names or {}).get(name) or group[0].label or name or "(none)",
            totals=summed(_costless(row.totals, row.account in hidden) for row in group),
            previous=(
                summed(
                    _costless(row.previous, row.account in hidden) for row in group if row.previous
                )
                if compared
                else None
            ),
            days=_days(group),
        )
        for name, group in groups.items()
    )


def _days(group: Sequence[AnalyticsRow]) -> tuple[int, ...]:
    lists = [row.tokens or row.requests for row in group]
    return _added(lists, max(map(len, lists), default=0))


def _added(lists: Iterable[Sequence[int | float]], count: int) -> tuple[int, ...]:
    sums = [0] * count
    for values in lists:
        for index, value in enumerate(values[:count]):
            sums[index] += value  # type: ignore[assignment]
    return tuple(sums)


def summed(parts: Iterable[Totals]) -> Totals:
    """
    Several sums as one; currencies stay apart, and what is hidden adds nothing to the cost.

    The basis is that of the parts that have a cost: `mixed` when they differ.
    """
    parts = list(parts)
    other: dict[str, float] = {}
    for part in parts:
        for currency, amount in part.other_costs.items():
            other[currency] = other.get(currency, 0.0) + amount
    used = [part for part in parts if part.requests or part.total_tokens or part.cost_usd]
    bases = {part.cost_basis for part in used or parts}
    priced = bases - {HIDDEN, "unpriced"}
    if len(priced) == 1:
        basis = priced.pop()
    elif priced:
        basis = "mixed"
    else:
        basis = "unpriced" if "unpriced" in bases else HIDDEN if bases else "estimate"
    return Totals(
        requests=sum(part.requests for part in parts),
        input_tokens=sum(part.input_tokens for part in parts),
        output_tokens=sum(part.output_tokens for part in parts),
        cache_read_tokens=sum(part.cache_read_tokens for part in parts),
        cache_creation_tokens=sum(part.cache_creation_tokens for part in parts),
        reasoning_tokens=sum(part.reasoning_tokens for part in parts),
        total_tokens=sum(part.total_tokens for part in parts),
        cost_usd=sum(part.cost_usd for part in parts),
        cost_basis=basis,
        unpriced_requests=sum(
            part.unpriced_requests or (part.requests if part.cost_basis == "unpriced" else 0)
            for part in parts
        ),
        other_costs=other,
    )


# ---------------------------------------------------------------------- orders


def measure(totals: Totals, by: str) -> float:
    """A sum's figure: `cost`, `tokens` or `requests`."""
    if by == "cost":
        return totals.cost_usd
    return float(totals.total_tokens if by == "tokens" else totals.requests)


def measured_by(sort: str, items: Iterable[Item], *, costs: bool) -> str:
    """
    What shares and changes are of.

    The order's own figure; for the other orders, and where costs are hidden or nothing has any,
    cost if there is some, else tokens, else requests.
    """
    items = list(items)
    if sort in ("tokens", "requests"):
        return sort
    if costs and any(item.totals.cost_usd > 0 for item in items):
        return "cost"
    return "tokens" if any(item.totals.total_tokens for item in items) else "requests"


def ranked(items: Iterable[Item], sort: str, by: str) -> list[Item]:
    """The items that were used at all, in the order of the screen."""
    used = [item for item in items if item.totals.requests or item.totals.total_tokens]
    if sort == "name":
        return sorted(used, key=lambda item: (item.label.casefold(), item.name))
    if sort == "change":
        return sorted(used, key=lambda item: (-abs(change(item, by)), item.label))
    return sorted(
        used,
        key=lambda item: (-measure(item.totals, by), -item.totals.total_tokens, item.label),
    )


def change(item: Item, by: str) -> float:
    """How much more than in the period before; 0 where there is none."""
    if item.previous is None:
        return 0.0
    return measure(item.totals, by) - measure(item.previous, by)


def relative(now: float, before: float) -> str:
    """`+18%`, `-4%`, `new`, `gone`; `same` when nothing has changed to speak of."""
    if before <= 0:
        return "new" if now > 0 else "same"
    if now <= 0:
        return "gone"
    percent = (now - before) / before * 100
    if abs(percent) < 0.5:
        return "same"
    if percent >= 1000:
        return f"x{now / before:,.0f}"
    return f"{percent:+.0f}%"
