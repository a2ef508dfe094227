"""
Polls a Cursor account: the billing period first, which decides; then all that may be missing.

The usage log is the only place with the tokens of single requests, so its entries become events.
A poll reads the last two days of it and one of the four weeks before, in turn: what was missed
while the daemon was away is there within four polls, and no state has to be kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from openusaged.core.errors import AuthRequired, UpstreamChanged
from openusaged.core.models import Account, LimitMetric, UsageEvent, UsageSnapshot
from openusaged.providers.base import FetchContext, Fetched
from openusaged.providers.cursor import SPEC, billing, local_figures, paths
from openusaged.providers.cursor.dashboard import Dashboard, LesserCalls
from openusaged.providers.cursor.login import read_login
from openusaged.providers.cursor.records import LOCAL_TOKENS_END_MS
from openusaged.providers.cursor.usage_log import event_of
from openusaged.providers.shared.api import base_url_of
from openusaged.providers.shared.json_values import as_count, as_object, as_text

T = TypeVar("T")

DAY_MS: Final = 86_400_000
RECENT_MS: Final = 2 * DAY_MS
SLICE_MS: Final = 7 * DAY_MS
SLICES: Final = 4
TURN_MS: Final = 300_000
"""The next older week is due after this, the least time between two polls."""

_IDE: Final = "ide"
_SITE: Final = "site"
_DISK: Final = "disk"


def fetch(context: FetchContext, account: Account) -> Fetched:
    """
    Plan, spend, team and credits of the account, and its latest requests as events.

    Raises:
        AuthRequired: nobody is signed in, or the login was refused.
        RateLimited, Unreachable, UpstreamChanged: no billing period to be had.
    """
    login = read_login(context, account)
    dashboard = Dashboard(context, account, base_url_of(account, SPEC), login)
    try:
        period = billing.Period(dashboard.rpc("GetCurrentPeriodUsage"))
    except AuthRequired as error:
        raise AuthRequired(f"{error}: open Cursor, which renews its login") from error
    lesser = LesserCalls()
    rest = _Rest(context, account, dashboard, lesser)
    plan = rest.object("plan", _IDE, lambda: dashboard.rpc("GetPlanInfo"), "planInfo")
    hard_limit = rest.object("hard_limit", _IDE, lambda: dashboard.rpc("GetHardLimit"))
    profile = rest.object("profile", _IDE, dashboard.profile)
    usage = rest.usage(period)
    policy = rest.object("policy", _IDE, lambda: dashboard.rpc("GetUsageLimitPolicyStatus"))
    included = billing.included_dollars(plan)
    metrics = [
        *period.metrics(included, context.now_ms()),
        *billing.included_metrics(included),
        *billing.aggregation_metrics(usage),
        *rest.request_metrics(period),
        *rest.credit_metrics(),
        *rest.team_metrics(profile),
    ]
    if not metrics:
        raise UpstreamChanged("planUsage", "no figure of plan or spend that we know")
    metrics += rest.local_metrics()
    is_on_demand_off = hard_limit.get("noUsageBasedAllowed")
    events = rest.events(rest.owner(profile))
    plan_name = as_text(plan.get("planName"))
    snapshot = UsageSnapshot(
        provider_id=paths.PROVIDER_ID,
        account_id=account.id,
        ts_ms=context.now_ms(),
        status=period.status(
            is_on_demand_off=is_on_demand_off if isinstance(is_on_demand_off, bool) else None
        ),
        message=period.message(plan_name, included),
        metrics=tuple(metrics),
        attributes=_attributes(period, plan, hard_limit, profile, policy) | lesser.problems,
        reported=tuple(billing.reported_usage(usage)),
        retry_after_s=lesser.retry_after_s,
    )
    return Fetched(snapshot=snapshot, events=events)


class _Rest:
    """Everything after the first call; each part may fail by itself."""

    def __init__(
        self, context: FetchContext, account: Account, dashboard: Dashboard, lesser: LesserCalls
    ) -> None:
        self._context = context
        self._account = account
        self._dashboard = dashboard
        self._lesser = lesser
        self._state_db = paths.state_db(account, context.machine)

    def object(
        self, name: str, host: str, call: Callable[[], Mapping[str, Any]], member: str = ""
    ) -> Mapping[str, Any]:
        """The answer, or its member of that name; empty when there is none."""
        answer = as_object(self._lesser.ask(name, host, call))
        return as_object(answer.get(member)) if member else answer

    def request_metrics(self, period: billing.Period) -> list[LimitMetric]:
        """Requests of plans that count them; the others are not asked."""
        if not period.counts_requests:
            return []
        counts = self.object("requests", _SITE, self._dashboard.request_counts)
        return list(billing.request_metrics(counts))

    def usage(self, period: billing.Period) -> Mapping[str, Any]:
        """The sums of this billing cycle."""
        between = {}
        if period.start_ms:
            between = {"startDate": str(period.start_ms), "endDate": str(self._context.now_ms())}
        return self.object(
            "usage", _IDE, lambda: self._dashboard.rpc("GetAggregatedUsageEvents", between)
        )

    def owner(self, profile: Mapping[str, Any]) -> dict[str, int]:
        """Who a member of a team is, so that the log is not the whole team's."""
        team = _team_of(profile)
        if not team:
            return {}
        user = as_count(self.object("me", _IDE, lambda: self._dashboard.rpc("GetMe")).get("userId"))
        return {"teamId": team, "userId": user} if user else {}

    def credit_metrics(self) -> list[LimitMetric]:
        """What was granted or paid ahead."""
        grants = self.object("credits", _IDE, lambda: self._dashboard.rpc("GetCreditGrantsBalance"))
        customer = self.object("customer", _SITE, self._dashboard.customer)
        return list(billing.credit_metrics(grants, customer))

    def team_metrics(self, profile: Mapping[str, Any]) -> list[LimitMetric]:
        """Size of the team of a member of one."""
        team = _team_of(profile)
        if not team:
            return []
        request = {"teamId": str(team)}
        members = self.object("team", _IDE, lambda: self._dashboard.rpc("GetTeamMembers", request))
        return list(billing.team_metrics(members))

    def local_metrics(self) -> list[LimitMetric]:
        """What Cursor counts on this machine."""
        now_ms = self._context.now_ms()
        tracking = paths.tracking_db(self._account, self._context.machine)
        metrics: list[LimitMetric] = []
        if os.path.isfile(self._state_db):
            read = partial(local_figures.daily_metrics, self._state_db, now_ms)
            metrics += self._from_disk("state_db", read) or []
        if os.path.isfile(tracking):
            read = partial(local_figures.commit_metrics, tracking)
            metrics += self._from_disk("tracking_db", read) or []
        return metrics

    def events(self, owner: Mapping[str, int]) -> list[UsageEvent]:
        """The requests of the log, each with the folder of its conversation where it is ours."""
        found: dict[str, UsageEvent] = {}
        for start_ms, end_ms in log_windows(self._context.now_ms()):
            entries = self._lesser.ask(
                "usage_events", _IDE, partial(self._dashboard.usage_events, start_ms, end_ms, owner)
            )
            if entries is None:
                break
            for entry in entries:
                user = as_count(entry.get("owningUser"))
                is_other = bool(user and owner and user != owner["userId"])
                event = None if is_other else event_of(entry)
                if event is not None:
                    found[event.message_id] = event
        return self._placed(list(found.values()))

    def _placed(self, events: list[UsageEvent]) -> list[UsageEvent]:
        ids = sorted({event.session_id for event in events if event.session_id})
        if not ids or not os.path.isfile(self._state_db):
            return events
        read = partial(local_figures.conversations, self._state_db, ids)
        known = self._from_disk("conversations", read) or {}
        return [
            msgspec.structs.replace(
                event,
                cwd=known[event.session_id].cwd,
                branch=known[event.session_id].branch,
                agent=known[event.session_id].agent,
            )
            if event.session_id in known
            else event
            for event in events
        ]

    def _from_disk(self, name: str, read: Callable[[], T]) -> T | None:
        return self._lesser.ask(name, f"{_DISK}:{name}", read)


def _team_of(profile: Mapping[str, Any]) -> int:
    """Id of the team, 0 for somebody who is in none."""
    return (as_count(profile.get("teamId")) or 0) if profile.get("isTeamMember") is True else 0


def log_windows(now_ms: int) -> Iterator[tuple[int, int]]:
    """The last two days, and the older week whose turn it is; never before the log is used."""
    recent = now_ms - RECENT_MS
    yield max(recent, LOCAL_TOKENS_END_MS), now_ms
    turn = now_ms // TURN_MS % SLICES
    end_ms = recent - turn * SLICE_MS
    start_ms = max(end_ms - SLICE_MS, LOCAL_TOKENS_END_MS)
    if start_ms < end_ms:
        yield start_ms, end_ms


def _attributes(
    period: billing.Period,
    plan: Mapping[str, Any],
    hard_limit: Mapping[str, Any],
    profile: Mapping[str, Any],
    policy: Mapping[str, Any],
) -> dict[str, str]:
    off = hard_limit.get("noUsageBasedAllowed")
    facts = {
        "plan_name": as_text(plan.get("planName")),
        "plan_price": as_text(plan.get("price")),
        "membership_type": as_text(profile.get("membershipType")),
        "team_membership": as_text(profile.get("teamMembershipType")),
        "individual_membership": as_text(profile.get("individualMembershipType")),
        "is_team_member": _flag(profile.get("isTeamMember")),
        "usage_based_billing": {True: "disabled", False: "enabled"}.get(off, "")
        if isinstance(off, bool)
        else "",
        "can_configure_spend_limit": _flag(policy.get("canConfigureSpendLimit")),
        "limit_policy_type": as_text(policy.get("limitType")),
        "spend_limit_type": as_text(period.spend.get("limitType")),
        "display_message": period.words,
        "billing_cycle_start": _iso(period.start_ms),
        "billing_cycle_end": _iso(period.end_ms),
    }
    return {name: text for name, text in facts.items() if text}


def _flag(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else ""


def _iso(ts_ms: int | None) -> str:
    if ts_ms is None:
        return ""
    return datetime.fromtimestamp(ts_ms / 1000, UTC).isoformat(timespec="seconds")
