"""
A thread for questions that take their time: a key that a vendor checks, a browser that is read.

Separate from the poller, whose figures must not wait for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import field
from queue import SimpleQueue
from typing import Any, Final

from openusage_client.errors import ClientError, ProtocolError
from openusage_client.rpc import Connection
from openusage_proto import methods
from openusage_proto.errors import RpcError
from openusage_proto.values import dataclass

_WITH_ENVIRONMENT: Final = frozenset(
    {methods.INTEGRATIONS, methods.INTEGRATION_INSTALL, methods.INTEGRATION_UNINSTALL}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """
    One call: `topic` names what its answer is about, `then` follows when it has succeeded.

    A secret may be among the parameters, so they are not part of its printed form.
    """

    topic: str
    method: str
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    then: tuple[Ask, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a question: its result, or the words of what went wrong."""

    ask: Ask
    result: Any = None
    error: str = ""
    slug: str = ""


class Asker(threading.Thread):
    """
    Asks one question after the other, each over a connection of its own.

    Args:
        connect: opens a connection with patience for a slow answer.
        deliver: takes each answer; called from this thread.
        environment: where the user's own variables are, for questions that name the parameter.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        deliver: Callable[[Reply], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name="tui-asker", daemon=True)
        self._connect = connect
        self._deliver = deliver
        self._environment = environment or {}
        self._questions: SimpleQueue[Ask | None] = SimpleQueue()

    def ask(self, question: Ask) -> None:
        """Have it asked when those before it are answered; starts the thread when needed."""
        if self.ident is None:
            self.start()
        self._questions.put(question)

    def stop(self) -> None:
        """Ask nothing more; whoever leaves does not wait for a vendor."""
        self._questions.put(None)

    def run(self) -> None:
        """Answer until stopped."""
        while (question := self._questions.get()) is not None:
            waiting = [question]
            while waiting:
                current = waiting.pop(0)
                reply = self._answer(current)
                self._deliver(reply)
                if not reply.error:
                    waiting += current.then

    def _answer(self, question: Ask) -> Reply:
        params = dict(question.params)
        if question.method in _WITH_ENVIRONMENT:
            from openusage_proto.integration_messages import CALLER_VARIABLES

            own = {name: self._environment.get(name, "") for name in CALLER_VARIABLES}
            params["environment"] = {name: value for name, value in own.items() if value}
        try:
            with self._connect() as connection:
                return Reply(ask=question, result=connection.call(question.method, **params))
        except RpcError as error:
            return Reply(ask=question, error=error.detail or error.slug, slug=error.slug)
        except (ClientError, ProtocolError, OSError) as error:
            return Reply(ask=question, error=str(error) or type(error).__name__)
