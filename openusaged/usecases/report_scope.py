"""
What a report is about: its range, its filters, and what it is told beside its parameters.

Separate from the rows, which every kind of report builds in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import tzinfo
from typing import Final

from openusage_proto.messages import ReportParams
from openusage_proto.values import dataclass
from openusaged.core.errors import InvalidParams
from openusaged.core.model_identity import ModelNames
from openusaged.core.models import QUARTER_MS, Account
from openusaged.core.projects import project_labels, projects_named
from openusaged.core.windows import quarter_of
from openusaged.providers.registry import provider_ids
from openusaged.storage.store import Store, UsageRow
from openusaged.telemetry.repositories import Repositories
from openusaged.usecases.kept_entries import KeptEntries
from openusaged.usecases.usage_view import parse_day

DATE_DIGITS: Final = 8
MAX_NAMES: Final = 12
"""Names that a refusal lists when none is close."""
FUTURE_QUARTERS: Final = 97
"""A day beyond now, so that an event of a clock slightly ahead is not hidden until later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContext:
    """What a report needs beside its parameters."""

    zone: tzinfo
    zone_name: str
    now_ms: int
    accounts: Sequence[Account]
    errors: Mapping[str, str]
    """Account id -> what its collector could not read."""
    importing: bool
    retention_days: int
    recording: frozenset[str] | None = None
    """Accounts whose usage comes from local records (None: all of them do); of the others only
    their vendor knows."""
    names: ModelNames = ModelNames()
    """Which spellings of a model become one row of the report on models."""
    entries: KeptEntries = field(default_factory=KeptEntries)


@dataclass(frozen=True, slots=True)
class Range:
    """Instants [start_ms, end_ms) that were asked for; None is open."""

    start_ms: int | None
    end_ms: int | None

    @classmethod
    def of(cls, params: ReportParams, zone: tzinfo) -> Range:
        """
        The inclusive local days of the parameters.

        Raises:
            InvalidParams: a date that cannot be read.
        """
        return cls(
            parse_day(params.since, "since", zone) if params.since else None,
            parse_day(params.until, "until", zone, end=True) if params.until else None,
        )

    @property
    def is_open(self) -> bool:
        """Whether all of history is meant."""
        return self.start_ms is None and self.end_ms is None

    def quarters(self, first_q: int, now_ms: int) -> tuple[int, int]:
        """[start, end) in quarter hours, within what can hold events."""
        start_q = first_q if self.start_ms is None else max(first_q, quarter_of(self.start_ms))
        end_q = quarter_of(now_ms) + FUTURE_QUARTERS
        if self.end_ms is not None:
            end_q = min(end_q, -(-self.end_ms // QUARTER_MS))
        return start_q, end_q


Accept = Callable[[UsageRow], bool]


def is_filtered(params: ReportParams) -> bool:
    """Whether a part of the usage is asked for."""
    return any((params.provider, params.account, params.project, params.model, params.branch))


def check_names(params: ReportParams, context: ReportContext, store: Store) -> None:
    """
    Refuse names that nothing is known by; a typing error must not look like no usage.

    Raises:
        InvalidParams: with the names that are close.
    """
    check_account(params.account, context, store)
    check_provider(params.provider, context.accounts, store)
    check_project(params.project, store)
    check_model(params.model, store)
    check_branch(params.branch, store)


def check_provider(wanted: str | None, accounts: Iterable[Account], store: Store) -> None:
    """Refuse what is no service, no tool and nobody who bills."""
    if wanted:
        known = {account.provider_id for account in accounts} | set(provider_ids())
        owners = store.accounts_with_events()
        known |= {name for _, provider, client in owners for name in (provider, client)}
        if wanted.lower() not in known:
            raise unknown_name("provider", wanted, known)


def check_branch(wanted: str | None, store: Store) -> None:
    """Refuse a branch that nothing was done on."""
    if wanted:
        branches = {row.branch for row in store.usage_rows(group_by=("branch",))}
        if wanted not in branches:
            raise unknown_name("branch", wanted, branches)


def check_account(wanted: str | None, context: ReportContext, store: Store) -> None:
    """Refuse an account that neither exists nor ever used anything."""
    known = {account.id for account in context.accounts}
    known |= {account for account, _, _ in store.accounts_with_events()}
    if wanted and wanted not in known:
        raise unknown_name("account", wanted, known)


def check_project(wanted: str | None, store: Store) -> None:
    """Refuse a project's name that no repository has; a path may be one without usage."""
    if wanted and not wanted.startswith("/"):
        roots = store.projects()
        if not projects_named(roots, wanted):
            raise unknown_name("project", wanted, project_labels(roots).values())


def check_model(wanted: str | None, store: Store) -> None:
    """Refuse a model that was never used."""
    if wanted:
        models = {row.model for row in store.usage_rows(group_by=("model",))}
        if not any(is_model(name, wanted) for name in models):
            raise unknown_name("model", wanted, models)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InvalidParams:
    """The refusal of a name, with those that are close or else the first that there are."""
    from difflib import get_close_matches  # not before somebody mistypes

    names = sorted({text for text in known if text})
    close = get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    if close:
        hint = f"; did you mean {' or '.join(close)}?"
    else:
        hint = f"; known: {', '.join(names[:MAX_NAMES])}" if names else "; nothing is recorded yet"
        hint += " ..." if len(names) > MAX_NAMES else ""
    return InvalidParams(f"{kind}: there is no {name!r}{hint}")


def is_model(name: str, wanted: str) -> bool:
    """Whether a model is meant, with or without vendor prefix and release date, in any case."""
    return wanted.lower() in (name.lower(), short_model(name).lower())


def accept_of(params: ReportParams, context: ReportContext, store: Store) -> Accept:
    """Which rows of usage are meant; they need the dimensions that the filters name."""
    if not is_filtered(params):
        return lambda _row: True
    providers = {account.id: account.provider_id for account in context.accounts}
    provider = (params.provider or "").lower()
    projects = projects_meant(store, params.project) if params.project else None

    def accept(row: UsageRow) -> bool:
        if params.account and row.account != params.account:
            return False
        if provider and provider not in (
            providers.get(row.account, ""),
            row.client,
            row.provider,
        ):
            return False
        if params.model and not is_model(row.model, params.model):
            return False
        if params.branch and row.branch != params.branch:
            return False
        return projects is None or row.project in projects

    return accept


def projects_meant(store: Store, wanted: str) -> frozenset[str]:
    """Project roots behind a name, a root, or any directory within a repository or worktree."""
    known = store.projects()
    found = projects_named(known, wanted)
    if not found and wanted.startswith("/"):
        found = frozenset({Repositories().project_of(wanted)}) & frozenset(known)
    return found


def short_model(name: str) -> str:
    """The model's name without vendor prefix and release date."""
    short = name.rpartition("/")[2]
    head, dash, tail = short.rpartition("-")
    return head if dash and len(tail) == DATE_DIGITS and tail.isdecimal() else short
