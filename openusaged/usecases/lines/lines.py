"""
The lines that status bars show: Claude Code's own, and those of tmux and desktop bars.

Everything here runs in a reader thread; the client prints what comes back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from openusage_proto.line_messages import LineCatalog, LineParams, LineResult
from openusage_proto.messages import CostMode, ReportRow, StatuslineParams, StatuslineResult
from openusage_proto.values import dataclass
from openusaged.config.settings import Settings
from openusaged.core.models import Account
from openusaged.core.projects import project_labels
from openusaged.providers import registry
from openusaged.runtime.clock import Clock
from openusaged.storage.store import SessionRecord, Store
from openusaged.usecases.lines.active import command_table
from openusaged.usecases.lines.figures import AccountFigures, FigureBook
from openusaged.usecases.lines.hosts import Hosts, below, directory_of
from openusaged.usecases.reading import Reading
from openusaged.usecases.statusline import (
    SEGMENT_WORDS,
    SOURCE,
    Drawing,
    Facts,
    costs_of,
    render,
)

if TYPE_CHECKING:
    from openusaged.usecases.lines.line_view import LineWorld

CLAUDE: Final = "claude_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What lines are drawn from."""

    store: Store
    reading: Reading
    clock: Clock
    figures: FigureBook
    settings: Callable[[], Settings]


class Lines:
    """Draws lines."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self.hosts = Hosts()
        self._commands: Callable[[str], str] | None = None

    def statusline(self, params: StatuslineParams) -> StatuslineResult:
        """Claude Code's status line."""
        drawing = Drawing(
            color=params.color,
            ascii_only=params.ascii,
            segments=params.segments,
            context_medium=params.context_medium,
            context_high=params.context_high,
            width=params.width,
        )
        drawing.check()
        around = self._around
        figures = around.figures.now()
        claude = [one for one in figures.accounts if one.account.provider_id == CLAUDE]
        own = account_of(params.payload, claude)
        if own is not None:
            self.hosts.note(params.payload, own.account.id, figures.now_ms)
        named = params.payload.get("session_id")
        session = around.store.session(SOURCE, named) if named and isinstance(named, str) else None
        costs = costs_of(
            session,
            figures.today,
            frozenset([one.account.id for one in claude]),
            params.mode,
        )
        project, branch = self._place(params.payload, session)
        facts = Facts(
            costs=costs,
            now_ms=around.clock.now_ms(),
            block=self._block(own, params.mode),
            five_hour=own.five_hour if own is not None else None,
            weekly=own.weekly if own is not None else None,
            project=project,
            branch=branch,
            hide_costs=own is not None and self.hides_costs(own.account),
        )
        return StatuslineResult(text=render(params.payload, facts, drawing))

    def line(self, params: LineParams) -> LineResult:
        """The line of tmux or a desktop's bar."""
        from openusaged.usecases.lines.line_view import draw_line  # only where there is a bar

        return draw_line(params, self._world())

    def catalog(self) -> LineCatalog:
        """What templates may use."""
        from openusaged.usecases.lines.line_view import catalog

        return catalog(self._world(), SEGMENT_WORDS)

    def _world(self) -> LineWorld:
        from openusaged.usecases.lines.line_view import LineWorld

        around = self._around
        zone, _ = around.reading.zone(None)
        if self._commands is None:
            self._commands = command_table(
                {name: found.spec.binaries for name, found in registry.load_all().items()}
            )
        return LineWorld(
            figures=around.figures.now(),
            zone=zone,
            settings=around.settings(),
            env=os.environ,
            hosts=self.hosts,
            hides_costs=self.hides_costs,
            provider_of_command=self._commands,
        )

    def _block(self, own: AccountFigures | None, mode: CostMode) -> ReportRow | None:
        if own is None or mode == "calculate":
            return own.block if own is not None else None
        return self._around.figures.block(own.account.id, mode)

    @staticmethod
    def _place(payload: Mapping[str, Any], session: SessionRecord | None) -> tuple[str, str]:
        """Project and branch of a session: as counted, else the directory's name."""
        if session is not None and session.project:
            labels = project_labels({session.project})
            return labels.get(session.project, ""), session.branch
        return directory_of(payload).rstrip("/").rpartition("/")[2], ""

    def hides_costs(self, account: Account) -> bool:
        """Whether its costs are not to be shown."""
        dashboard = self._around.settings().dashboard
        for entry in dashboard.providers:
            if entry.account_id == account.id and entry.hide_costs is not None:
                return entry.hide_costs
        return bool(dashboard.hide_costs)


def account_of(payload: Mapping[str, Any], accounts: list[AccountFigures]) -> AccountFigures | None:
    """The account whose home holds the session's transcript, or the only one there is."""
    transcript = payload.get("transcript_path")
    if isinstance(transcript, str) and transcript:
        for one in accounts:
            if one.account.home and below(transcript, one.account.home):
                return one
    return accounts[0] if len(accounts) == 1 else None
