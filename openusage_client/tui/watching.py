"""
Questions that the visible screen wants answered, and answered again when something has changed.

The poller asks them over its own connection.  A screen that is closed wants nothing, so that what
is costly is asked for only while it is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from openusage_client.decode import decode
from openusage_client.rpc import Connection
from openusage_proto.errors import RpcError
from openusage_proto.values import dataclass

AGAIN_S: Final = 2.0
"""At most this often is a question asked again, however often the figures change."""


@dataclass(frozen=True, slots=True)
class Question:
    """A call whose answer a screen shows: `name` is the place of the answer, `kind` its type."""

    name: str
    method: str
    params: tuple[tuple[str, Any], ...]
    kind: type[Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the daemon said to a question; `error` are words when it refused."""

    question: Question
    value: Any = None
    error: str = ""


class Watching:
    """
    Keeps the wanted questions and when each was answered; lives in the poller's thread.

    Args:
        post: takes each answer.
    """

    def __init__(self, post: Callable[[Answer], None]) -> None:
        self._post = post
        self._wanted: tuple[Question, ...] = ()
        self._asked: dict[Question, tuple[int, float]] = {}

    def want(self, questions: Sequence[Question]) -> None:
        """From now on only these; one that was wanted before is not asked again for that."""
        self._wanted = tuple(questions)
        self._asked = {one: at for one, at in self._asked.items() if one in self._wanted}

    def forget(self) -> None:
        """A new connection may be to another daemon: ask everything again."""
        self._asked = {}

    def due_s(self, seq: int) -> float | None:
        """Seconds until a question should be asked; None when all answers are current."""
        now = time.monotonic()
        waits = [
            0.0 if one not in self._asked else max(0.0, self._asked[one][1] + AGAIN_S - now)
            for one in self._wanted
            if one not in self._asked or self._asked[one][0] != seq
        ]
        return min(waits, default=None)

    def ask(self, connection: Connection, seq: int) -> None:
        """
        Ask what is due.

        Raises:
            ProtocolError, ConnectionLost: as any call; a refusal is an answer.
        """
        for one in self._wanted:
            asked_seq, asked_at = self._asked.get(one, (-1, 0.0))
            if one in self._asked and (asked_seq == seq or time.monotonic() < asked_at + AGAIN_S):
                continue
            self._asked[one] = (seq, time.monotonic())
            try:
                value = decode(connection.call(one.method, **dict(one.params)), one.kind)
            except RpcError as error:
                self._post(Answer(one, error=error.detail or error.slug))
                continue
            self._post(Answer(one, value))
