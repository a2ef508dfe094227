"""
What the user's settings say about how things are shown: theme, window, order, costs, thresholds.

The daemon owns and checks the settings file; here its effective values are read and applied to what
is about to be drawn.  JSON output and exports are data and are never changed by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final, get_args

from openusage_client.flat_rate import is_flat_rate
from openusage_client.rpc import Connection
from openusage_client.tui.limits import DEFAULT_THRESHOLDS, Thresholds
from openusage_proto.errors import METHOD_NOT_FOUND, RpcError
from openusage_proto.messages import (
    AccountSnapshot,
    DayTotals,
    Metric,
    NamedTotals,
    ReadModel,
    ReportRow,
    Totals,
    Usage,
    Window,
)
from openusage_proto.methods import SETTINGS_GET
from openusage_proto.values import dataclass

WINDOWS: Final[tuple[Window, ...]] = get_args(Window)
DEFAULT_WINDOW: Final[Window] = "30d"
VIEWS: Final = ("grid", "stacked", "tabs", "split", "compare", "compact")
DEFAULT_VIEW: Final = "grid"
HIDDEN: Final = "hidden"
"""The cost basis of figures whose cost is not to be shown; it never comes from the daemon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """
    Effective values of the settings that concern the client.

    `theme` is empty when none is set.  `costs_of` says per account id whether its costs are hidden,
    where that is set.
    """

    theme: str = ""
    window: Window = DEFAULT_WINDOW
    hide_costs: bool | None = None
    costs_of: Mapping[str, bool] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    thresholds: Thresholds = DEFAULT_THRESHOLDS
    view: str = DEFAULT_VIEW
    sections: tuple[tuple[str, bool], ...] = ()
    """Sections of a tile as listed, each with whether it is on; the others follow, switched on."""
    detail_sections: tuple[tuple[str, bool], ...] = ()
    """Cards of the detail screen, in the same way."""
    hide_empty: bool = True
    show_remaining: bool = False
    """Limits say what is left of them instead of what is used."""
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """All effective settings, for the screen that changes them."""

    def hides_costs_of(self, account_id: str | None) -> bool:
        """An account's own word, else the common one; no account: a sum over several."""
        return self.costs_of.get(account_id or "", bool(self.hide_costs))

    def hides_costs(self, account: AccountSnapshot) -> bool:
        """As `hides_costs_of`; where nobody has said a word, a flat rate hides what is no bill."""
        return self.hides_costs_of(account.account_id) or self.hides_flat_rate(account)

    def hides_flat_rate(self, account: AccountSnapshot) -> bool:
        """Whether its costs are hidden for its flat rate alone, not by a word of the user."""
        said = self.costs_of.get(account.account_id, self.hide_costs)
        return said is None and is_flat_rate(account.provider_id, account.attributes)

    def ordered(self, accounts: Sequence[AccountSnapshot]) -> list[AccountSnapshot]:
        """The accounts the list names, in its order, then the others as they came."""
        places = {name: place for place, name in enumerate(self.order)}
        return sorted(accounts, key=lambda item: places.get(item.account_id, len(places)))

    def applied(self, model: ReadModel) -> ReadModel:
        """The read model in the order of the list and without the costs that are hidden."""
        hidden = [account for account in model.accounts if self.hides_costs(account)]
        names = {account.account_id for account in hidden}
        accounts = [
            without_costs(account) if account.account_id in names else account
            for account in self.ordered(model.accounts)
        ]
        everything = self.hide_costs is True or (accounts and len(hidden) == len(accounts))
        if not everything:
            parts = [account.usage.totals for account in hidden if account.usage]
            totals = model.totals and _less(model.totals, parts)
            return replace(model, accounts=accounts, totals=totals)
        return replace(
            model,
            accounts=accounts,
            totals=model.totals and _hide(model.totals),
            unmapped=[replace(item, totals=_hide(item.totals)) for item in model.unmapped],
            # Which price is missing is of no interest where no cost is shown.
            unpriced_models=[],
        )


DEFAULTS: Final = Preferences()


def read(connection: Connection) -> Preferences:
    """
    The preferences in the daemon's settings; defaults from a daemon that has none to give.

    Raises:
        RpcError: the daemon refused.
        ConnectionLost: it is gone.
    """
    try:
        answer = connection.call(SETTINGS_GET)
    except RpcError as error:
        if error.slug != METHOD_NOT_FOUND:
            raise
        return DEFAULTS
    return parse(settings_of(answer))


def settings_of(answer: Any) -> Mapping[str, Any]:
    """The settings in an answer of `settings_get` or `settings_update`."""
    return _section(_section(answer).get("settings"))


def parse(settings: Any) -> Preferences:
    """Preferences of effective settings; what makes no sense leaves the default."""
    top = _section(settings)
    window = _section(top.get("data")).get("time_window")
    theme = top.get("theme")
    dashboard, ui = _section(top.get("dashboard")), _section(top.get("ui"))
    listed = dashboard.get("providers")
    entries = [_section(item) for item in listed] if isinstance(listed, list) else []
    named = {str(entry["account_id"]): entry for entry in entries if entry.get("account_id")}
    return Preferences(
        theme=theme.strip() if isinstance(theme, str) else "",
        window=next((name for name in WINDOWS if name == window), DEFAULT_WINDOW),
        hide_costs=hidden if isinstance(hidden := dashboard.get("hide_costs"), bool) else None,
        costs_of={
            name: hidden
            for name, entry in named.items()
            if isinstance(hidden := entry.get("hide_costs"), bool)
        },
        order=tuple(named),
        thresholds=Thresholds(
            warn=_used_from(ui.get("warn_threshold"), DEFAULT_THRESHOLDS.warn),
            critical=_used_from(ui.get("crit_threshold"), DEFAULT_THRESHOLDS.critical),
        ),
        view=next((name for name in VIEWS if name == dashboard.get("view")), DEFAULT_VIEW),
        sections=_switches(dashboard.get("widget_sections")),
        detail_sections=_switches(dashboard.get("detail_sections")),
        hide_empty=dashboard.get("hide_sections_with_no_data") is not False,
        show_remaining=dashboard.get("show_remaining") is True,
        document=top,
    )


def _switches(value: Any) -> tuple[tuple[str, bool], ...]:
    entries = [_section(item) for item in value] if isinstance(value, list) else []
    return tuple(
        (str(entry["id"]), entry.get("enabled") is not False)
        for entry in entries
        if entry.get("id")
    )


def _section(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _used_from(remaining: Any, default: float) -> float:
    """Per cent used where the share that remains is `remaining` (0..1)."""
    if isinstance(remaining, bool) or not isinstance(remaining, int | float):
        return default
    # 100 * (1 - 0.2) is not 80 in binary, and exactly 80 is where the colour changes.
    return round(100.0 - 100.0 * remaining, 6)


def without_costs(account: AccountSnapshot) -> AccountSnapshot:
    """The account without amounts of money; limits stay, also those in money."""
    usage = account.usage
    return replace(
        account,
        metrics=[metric for metric in account.metrics if metric.limit or not _is_money(metric)],
        upstream=[replace(row, totals=_hide(row.totals)) for row in account.upstream],
        usage=usage and _usage_without_costs(usage),
    )


def _less(totals: Totals, hidden: Sequence[Totals]) -> Totals:
    """The sum without the costs of some of its parts; their tokens and requests stay in it."""
    if not hidden:
        return totals
    other = dict(totals.other_costs)
    for part in hidden:
        for currency, amount in part.other_costs.items():
            other[currency] = other.get(currency, 0.0) - amount
    return replace(
        totals,
        # A difference of sums may miss zero by a rounding error.
        cost_usd=max(0.0, round(totals.cost_usd - sum(part.cost_usd for part in hidden), 9)),
        unpriced_requests=max(
            0, totals.unpriced_requests - sum(part.unpriced_requests for part in hidden)
        ),
        other_costs={name: amount for name, amount in other.items() if abs(amount) > 1e-9},
    )


def row_without_costs(row: ReportRow) -> ReportRow:
    """A report's row, and the rows below it, without amounts of money."""
    return replace(
        row,
        cost_usd=0.0,
        cost_basis=HIDDEN,
        unpriced_requests=0,
        other_costs={},
        burn_rate_usd_per_hour=None,
        projected_cost_usd=None,
        model_breakdown=row.model_breakdown and [*map(row_without_costs, row.model_breakdown)],
        breakdown=row.breakdown and [*map(row_without_costs, row.breakdown)],
    )


def _is_money(metric: Metric) -> bool:
    # Currencies are the units of three capital letters; credits and tokens are none.
    return len(metric.unit) == 3 and metric.unit.isalpha() and metric.unit.isupper()


def _hide(totals: Totals) -> Totals:
    return replace(totals, cost_usd=0.0, cost_basis=HIDDEN, unpriced_requests=0, other_costs={})


def _usage_without_costs(usage: Usage) -> Usage:
    def rows(named: Sequence[NamedTotals]) -> list[NamedTotals]:
        return [replace(row, totals=_hide(row.totals)) for row in named]

    return replace(
        usage,
        totals=_hide(usage.totals),
        today=_hide(usage.today),
        models=rows(usage.models),
        clients=rows(usage.clients),
        projects=rows(usage.projects),
        projects_today=rows(usage.projects_today),
        agents=rows(usage.agents),
        providers=rows(usage.providers),
        days=[DayTotals(date=day.date, totals=_hide(day.totals)) for day in usage.days],
    )
