"""
Parameters and result of `sessions` (spec/jsonrpc.md, Methods): lists of sessions, and one opened.

Separate from `messages` because only those who look at sessions need it; the same rules apply.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from openusage_proto.messages import NamedCount, Totals, Window
from openusage_proto.report_messages import Order
from openusage_proto.values import dataclass

SessionSort = Literal["activity", "started", "duration", "tokens", "requests", "cost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsParams:
    """
    Which sessions, by their last activity, and in which order.

    `window` or `since`/`until`; neither is all there are.  `model` and `project` as in `report`;
    every word of `text` must be part of the session's id, project, branch, tool, account or one of
    its models.  `order` is descending by default: the newest, the longest, the most.  With
    `session` (an id) the answer has up to `turns` of its latest turns; `source` says whose session
    it is where two sources have given the same id.
    """

    window: Window | None = None
    since: str | None = None
    until: str | None = None
    tz: str | None = None
    account: str | None = None
    client: str | None = None
    source: str | None = None
    project: str | None = None
    model: str | None = None
    text: str = ""
    session: str | None = None
    turns: int = 0
    sort: SessionSort = "activity"
    order: Order = "desc"
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One session with its totals."""

    session_id: str
    source: str
    account_id: str
    client: str
    project: str
    branch: str
    first_activity: str
    last_activity: str
    models: list[str]
    totals: Totals
    parent_session_id: str = ""
    tool_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTurn:
    """
    One model call and the tools that were called between it and the next one.

    Null is what the source did not say.  `estimate_usd` is tokens times list price, `recorded` what
    the source wrote down, in `currency`.
    """

    at: str
    model: str
    provider: str
    agent: str
    status: str
    branch: str
    input_tokens: int | None
    cache_read_tokens: int | None
    cache_creation_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    requests: int
    estimate_usd: float | None
    recorded: float | None
    currency: str
    tools: list[NamedCount] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """
    The answer of `sessions`.

    `turns` are the latest of the one session that was asked for, in the order of time, of those
    whose detail is kept; `turns_kept` says how many those are, `tools` what they called.
    """

    seq: int
    timezone: str
    total: int
    sessions: list[SessionRow]
    turns: list[SessionTurn] = field(default_factory=list)
    turns_kept: int = 0
    tools: list[NamedCount] = field(default_factory=list)
