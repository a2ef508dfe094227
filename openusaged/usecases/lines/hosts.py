"""
What running sessions have last said of themselves through their status line.

A tool's log names a model and counts tokens, but how full the context is only the tool itself
knows; status bars other than its own get it from here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.usecases.statusline import context_of

KEPT: Final = 64
FRESH_MS: Final = 4 * 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """One session at the moment it last drew its status line."""

    account_id: str
    cwd: str
    model: str
    seen_ms: int
    context_tokens: int | None
    context_percent: float | None


class Hosts:
    """The last sessions; any thread."""

    def __init__(self) -> None:
        self._states: OrderedDict[str, HostState] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, payload: Mapping[str, Any], account_id: str, now_ms: int) -> None:
        """Remember what a session says."""
        session = payload.get("session_id")
        real = isinstance(payload.get("transcript_path"), str)  # a trial run has none
        if not isinstance(session, str) or not session or not account_id or not real:
            return
        tokens, percent = context_of(payload)
        model = payload.get("model")
        name = model.get("display_name") if isinstance(model, Mapping) else None
        state = HostState(
            account_id=account_id,
            cwd=directory_of(payload),
            model=name if isinstance(name, str) else "",
            seen_ms=now_ms,
            context_tokens=tokens,
            context_percent=percent,
        )
        with self._lock:
            self._states[session[:256]] = state
            self._states.move_to_end(session[:256])
            while len(self._states) > KEPT:
                self._states.popitem(last=False)

    def latest(self, account_id: str, now_ms: int, directory: str = "") -> HostState | None:
        """The account's session that spoke last; the one in a directory when it is given."""
        with self._lock:
            states = [
                state
                for state in reversed(self._states.values())
                if state.account_id == account_id and now_ms - state.seen_ms <= FRESH_MS
            ]
        within = [state for state in states if directory and below(state.cwd, directory)]
        return next(iter(within or states), None)


def directory_of(payload: Mapping[str, Any]) -> str:
    """The directory that a session works in."""
    workspace = payload.get("workspace")
    places = [workspace.get("current_dir")] if isinstance(workspace, Mapping) else []
    return next((text for text in (*places, payload.get("cwd")) if isinstance(text, str)), "")


def below(path: str, directory: str) -> bool:
    """Whether a path is a directory or lies in it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")
