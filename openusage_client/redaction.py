"""
Takes names out of what leaves the machine: accounts, projects, branches and sessions are numbered.

One name becomes the same number everywhere in a document, and a number says nothing outside it.
Providers, tools and models stay: they are what a bug report is about.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from openusage_proto.messages import (
    AccountSnapshot,
    NamedTotals,
    ReadModel,
    Report,
    ReportRow,
    Unmapped,
    Usage,
)

KEPT_ATTRIBUTES: Final = frozenset({"plan", "plan_type", "source", "auth_type"})
NO_PROJECT: Final = "(no project)"
NO_BRANCH: Final = "(no branch)"
_FOLDED: Final = "("
"""Keys like `(others)` and `(no project)` are ours and name nobody."""


class Redactor:
    """Gives each name of a kind the next number; one per document."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._count: dict[str, int] = {}

    def name(self, kind: str, text: str) -> str:
        """`project-3` for a name of that kind; what is empty or ours stays as it is."""
        if not text or text.startswith(_FOLDED):
            return text
        known = self._known.get((kind, text))
        if known is None:
            self._count[kind] = self._count.get(kind, 0) + 1
            known = self._known[kind, text] = f"{kind}-{self._count[kind]}"
        return known

    def model(self, model: ReadModel) -> ReadModel:
        """The read model without names, messages and all but harmless attributes."""
        return replace(
            model,
            accounts=[self._account(account) for account in model.accounts],
            unmapped=[self._unmapped(item) for item in model.unmapped],
        )

    def _account(self, account: AccountSnapshot) -> AccountSnapshot:
        name = self.name("account", account.account_id)
        return replace(
            account,
            account_id=name,
            title=name,
            message="[redacted]" if account.message else "",
            stale_reason="[redacted]" if account.stale_reason else "",
            metrics=[
                # The part behind a colon is a model, or a key or team that someone named.
                replace(metric, key=metric.key.partition(":")[0], label="")
                if ":" in metric.key
                else metric
                for metric in account.metrics
            ],
            attributes={
                key: value for key, value in account.attributes.items() if key in KEPT_ATTRIBUTES
            },
            usage=None if account.usage is None else self._usage(account.usage),
        )

    def _usage(self, usage: Usage) -> Usage:
        return replace(
            usage,
            projects=[self._project(item) for item in usage.projects],
            tools=[],
            mcp=[],
        )

    def _project(self, item: NamedTotals) -> NamedTotals:
        name = self.name("project", item.label or item.name)
        return replace(item, name=name, label=name)

    def _unmapped(self, item: Unmapped) -> Unmapped:
        return replace(item, account_id=self.name("account", item.account_id), suggestion="")

    def report(self, report: Report) -> Report:
        """A report without names of accounts, projects, branches and sessions."""
        return replace(
            report,
            rows=[self._row(row, report.kind) for row in report.rows],
            sources=[
                replace(
                    source,
                    account=self.name("account", source.account),
                    note="[redacted]" if source.note else "",
                )
                for source in report.sources
            ],
        )

    def _row(self, row: ReportRow, kind: str) -> ReportRow:
        account, project, branch = (
            None if text is None else self.name(what, text)
            for what, text in (
                ("account", row.account),
                ("project", row.project),
                ("branch", row.branch),
            )
        )
        row = replace(row, account=account, project=project, branch=branch)
        if row.key.startswith(_FOLDED):
            return row
        if kind == "session":
            name = self.name("session", row.key)
            return replace(row, key=name, label=name)
        if kind == "projects":
            return replace(row, key=project or "", label=project or NO_PROJECT)
        if kind == "branches":
            label = f"{project or NO_PROJECT} · {branch or NO_BRANCH}"
            return replace(row, key=f"{project or ''}@{branch or ''}", label=label)
        return row
