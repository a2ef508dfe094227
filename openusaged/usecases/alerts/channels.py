"""
The ways an alert goes out: desktop, tmux, a command, a webhook.

Each is one call in a worker thread that returns or raises `DeliveryError`.  What the figures say is
told; who asked, from which directory and about what never is: the facts have none of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from openusage_proto.alert_messages import AlertFacts
from openusaged.config.alerts import AlertSettings, webhook_problem
from openusaged.core.errors import ProviderError, Unreachable
from openusaged.providers.base import HttpClient
from openusaged.usecases.alerts.programs import DeliveryError, NotNow, ProgramFailed, Programs

DESKTOP: Final = "desktop"
TMUX: Final = "tmux"
COMMAND: Final = "command"
WEBHOOK: Final = "webhook"
CHANNELS: Final = (DESKTOP, TMUX, COMMAND, WEBHOOK)

WEBHOOK_TIMEOUT_S: Final = 10.0
_LATER: Final = frozenset({408, 425, 429, *range(500, 600)})
"""Answers of a server that may say something else in a while."""
TMUX_SHOWN_MS: Final = "8000"
VARIABLE_PREFIX: Final = "OPENUSAGE_ALERT_"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_NOTIFICATION: Final = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)
"""AppleScript whose texts are arguments, so that nothing in them is ever code."""


def set_channels(settings: AlertSettings) -> list[str]:
    """The ways that are switched on."""
    on = {
        DESKTOP: settings.desktop,
        TMUX: settings.tmux,
        COMMAND: bool(settings.command),
        WEBHOOK: bool(settings.webhook.url or settings.webhook.url_env),
    }
    return [name for name in CHANNELS if on[name]]


def target_of(name: str, settings: AlertSettings, platform: str) -> str:
    """Where a way leads, in words; of a webhook the host alone: its path may be a secret."""
    if name == DESKTOP:
        return "osascript" if platform == "darwin" else "notify-send"
    if name == TMUX:
        return "every attached client"
    if name == COMMAND:
        return settings.command[0] if settings.command else ""
    if settings.webhook.url_env:
        return f"the address in {settings.webhook.url_env}"
    return urlsplit(settings.webhook.url).hostname or ""


class Channels:
    """Delivers; worker threads."""

    def __init__(
        self,
        *,
        programs: Programs,
        http: HttpClient,
        direct: HttpClient,
        env: Mapping[str, str],
        platform: str,
    ) -> None:
        self._programs = programs
        self._http = http
        self._direct = direct
        """For this machine: no proxy is asked to reach it."""
        self._env = env
        self._platform = platform

    def deliver(self, name: str, facts: AlertFacts, settings: AlertSettings) -> None:
        """
        Send one alert one way.

        Raises:
            DeliveryError: with the reason.
        """
        ways = {
            DESKTOP: self._desktop,
            TMUX: self._tmux,
            COMMAND: self._command,
            WEBHOOK: self._webhook,
        }
        ways[name](facts, settings)

    def close(self) -> None:
        """End what still runs."""
        self._programs.close()

    def _desktop(self, facts: AlertFacts, _settings: AlertSettings) -> None:
        title, text = _line(facts.title), _line(facts.text)
        if self._platform == "darwin":
            script = [word for line in _NOTIFICATION for word in ("-e", line)]
            argv = ["osascript", *script, title, text]
        else:
            # `--`: neither may be taken for a flag; markup is what a server makes of < and &.
            argv = ["notify-send", "--app-name=OpenUsage", "--", title, _escaped(text)]
        self._say(argv)

    def _tmux(self, facts: AlertFacts, _settings: AlertSettings) -> None:
        clients = self._say(["tmux", "list-clients", "-F", "#{client_name}"]).splitlines()
        if not clients:
            raise DeliveryError("no tmux client is attached")
        # A message is a format and a time: `#` and `%` have to be doubled to be themselves.
        words = _line(f"{facts.title}: {facts.text}").replace("#", "##").replace("%", "%%")
        for client in clients:
            self._say(["tmux", "display-message", "-c", client, "-d", TMUX_SHOWN_MS, words])

    def _say(self, argv: list[str]) -> str:
        try:
            return self._programs.run(argv)
        except ProgramFailed as error:
            raise DeliveryError(f"{error}: {error.said}" if error.said else str(error)) from error

    def _command(self, facts: AlertFacts, settings: AlertSettings) -> None:
        self._programs.run(
            settings.command, stdin=body_of(facts) + b"\n", extra=variables(facts), listen=False
        )

    def _webhook(self, facts: AlertFacts, settings: AlertSettings) -> None:
        url = settings.webhook.url
        if settings.webhook.url_env:
            url = self._env.get(settings.webhook.url_env, "").strip()
            if not url:
                raise DeliveryError(f"the variable {settings.webhook.url_env} is not set")
            if problem := webhook_problem(url):
                raise DeliveryError(f"{settings.webhook.url_env}: {problem}")
        host = urlsplit(url).hostname or ""
        client = self._direct if url.startswith("http:") else self._http
        try:
            response = client.send(
                "POST",
                url,
                headers={"Content-Type": "application/json", "User-Agent": "openusage"},
                body=body_of(facts),
                timeout_s=WEBHOOK_TIMEOUT_S,
                follow_redirects=False,
            )
        except ProviderError as error:
            # Its text names the path, which is the secret of many such addresses.
            kind = NotNow if isinstance(error, Unreachable) else DeliveryError
            raise kind(f"{host}: {type(error).__name__.lower()}") from None
        if not 200 <= response.status < 300:
            kind = NotNow if response.status in _LATER else DeliveryError
            raise kind(f"{host}: HTTP {response.status}")


def body_of(facts: AlertFacts) -> bytes:
    """The facts as JSON; what does not apply is left out."""
    return msgspec.json.encode(known(facts))


def known(facts: AlertFacts) -> dict[str, object]:
    """The facts that apply."""
    given: dict[str, object] = msgspec.to_builtins(facts)
    counts = ("unpriced_requests", "approximate_requests")
    return {
        name: value
        for name, value in given.items()
        if value not in (None, "") and not (name in counts and value == 0)
    }


def variables(facts: AlertFacts) -> dict[str, str]:
    """The facts as environment variables: `OPENUSAGE_ALERT_RULE`, `..._VALUE` and so on."""
    return {
        f"{VARIABLE_PREFIX}{name.upper()}": f"{value:g}"
        if isinstance(value, float)
        else _line(str(value))
        for name, value in known(facts).items()
    }


def _line(text: str) -> str:
    """One line without control characters."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
