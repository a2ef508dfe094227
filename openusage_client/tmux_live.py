"""A running tmux: loading the configuration, finding faults, messages when figures pass marks."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from openusage_client import arguments, quick, tmux_config
from openusage_client.errors import EXIT_FAILURE, EXIT_OK
from openusage_client.rpc import Connection
from openusage_client.terminal import width_of
from openusage_proto import methods

MIN_VERSION: Final = (3, 0)
POPUP_VERSION: Final = (3, 2)
SLOW_S: Final = 0.3
ALERT_MODES: Final = ("message", "bell", "both", "none")
LOOK_AGAIN_S: Final = 60.0
"""Time alone moves what is watched: minutes left in the block, the rate of the last hour."""
_PAUSE_S: Final = 1.0
"""A busy store pushes ten times a second; nobody reads messages that fast."""


def tmux(*words: str) -> tuple[int, str]:
    """Run tmux: its exit code and what it said."""
    try:
        done = subprocess.run(
            ["tmux", *words], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, (done.stdout or done.stderr).strip()


def load(path: str) -> None:
    """Let a running tmux take the configuration over; none is no failure."""
    if not os.environ.get("TMUX"):
        print("it shows when tmux is started (or: tmux source-file " + path + ")")
        return
    code, said = tmux("source-file", path)
    print("loaded into the running tmux" if code == 0 else f"tmux did not take it: {said}")


def unload() -> None:
    """Let our piece vanish from a running tmux."""
    if os.environ.get("TMUX"):
        for option in tmux_config.OPTIONS:
            tmux("set-option", "-gu", option)
        tmux("refresh-client", "-S")


# ------------------------------------------------------------------ doctor


def doctor(path: str, flags: Mapping[str, str]) -> int:
    """Print every finding with its fix; 1 when one keeps the line from showing."""
    found = list(findings(path, flags))
    print("\n".join(finding_lines(found, width_of(sys.stdout))))
    return EXIT_FAILURE if any(state == "failed" for state, _, _ in found) else EXIT_OK


def finding_lines(found: Iterable[tuple[str, str, str]], width: int | None) -> list[str]:
    """Each finding with its fix below it; no line wider than `width`."""
    from openusage_client.report_tables import hanging

    lines = []
    for state, words, fix in found:
        lines += hanging(f"{state:<7}  ", words, width)
        if fix:
            lines += hanging(f"{'':<7}  -> ", fix, width)
    return lines


def findings(path: str, flags: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """State, what was found, what to do."""
    yield from _program()
    inside = bool(os.environ.get("TMUX"))
    yield "ok", "inside tmux" if inside else "outside tmux", ""
    term = os.environ.get("TERM", "")
    if os.environ.get("COLORTERM") in ("truecolor", "24bit") or "direct" in term:
        yield "ok", "the terminal says that it has true colours", ""
    else:
        yield "warning", "the terminal does not say that it has true colours", "--color-mode 256"
    yield from _configuration(path)
    yield from _one_line(flags)


def _program() -> Iterator[tuple[str, str, str]]:
    if shutil.which("tmux") is None:
        yield "failed", "there is no tmux on PATH", "install tmux 3.0 or newer"
        return
    _, said = tmux("-V")
    match = re.search(r"(\d+)\.(\d+)", said)
    version = (int(match.group(1)), int(match.group(2))) if match else MIN_VERSION
    if version < MIN_VERSION:
        yield "failed", f"{said} is too old", "install tmux 3.0 or newer"
    elif version < POPUP_VERSION:
        yield "warning", f"{said} has no pop-ups", "tmux 3.2 or newer for --bind-popup"
    else:
        yield "ok", said, ""


def _configuration(path: str) -> Iterator[tuple[str, str, str]]:
    install = "openusage tmux install --write"
    text = tmux_config.read(path)
    if text is None or tmux_config.BEGIN not in text:
        yield "warning", f"{path} does not hold our lines", install
        return
    if tmux_config.END not in text:
        yield "failed", f"{path}: the end mark of our lines is gone", install
        return
    yield "ok", f"{path} holds our lines", ""
    match = re.search(r"#\((?:'([^']+)'|(\S+)) tmux", text)
    program = (match.group(1) or match.group(2)) if match else ""
    if os.path.isabs(program) and not os.access(program, os.X_OK):
        yield "failed", f"{program}, which they run, is gone", install
    if not os.environ.get("TMUX"):
        return
    _, shown = tmux("show-options", "-g")
    if not any(f"E:{option}" in shown for option in tmux_config.OPTIONS):
        yield "warning", "the running tmux has not loaded them", f"tmux source-file {path}"


def _one_line(flags: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    keys = {"--preset": "preset", "--template": "format", "--segment": "segment"}
    params = {"target": "plain", **{keys[flag]: flags[flag] for flag in keys if flag in flags}}
    began = time.perf_counter()
    try:
        with quick.Deadline(2.0):
            answer = json.loads(quick.ask(b"line", json.dumps(params).encode()) or "{}")
    except (OSError, ValueError, quick.TooLate):
        yield "failed", f"the daemon does not answer at {quick.socket_path()}", "openusage status"
        return
    took_s = time.perf_counter() - began
    if "result" not in answer:
        detail = answer.get("error", {}).get("data", {}).get("detail", "no line came back")
        yield "failed", str(detail), "openusage tmux presets"
        return
    text = answer["result"]["text"]
    if text.startswith("template"):
        yield "failed", text, "openusage tmux variables"
        return
    state = "ok" if took_s < SLOW_S else "warning"
    fix = "" if state == "ok" else "openusage status (is the first import still running?)"
    yield state, f"a line takes {took_s * 1000:.0f} ms: {text or '(nothing to show yet)'}", fix


# ------------------------------------------------------------------ watch


def add_watch_flags(group: argparse._ArgumentGroup) -> None:
    """Flags of `watch`; the settings' `tmux.alerts` are the defaults."""
    group.add_argument("--alert-mode", choices=ALERT_MODES, help="how (default: settings)")
    group.add_argument(
        "--limit-pct", metavar="PERCENT", type=arguments.number, help="used of a limit (90)"
    )
    group.add_argument("--burn-rate", metavar="USD", type=arguments.number, help="cost per hour")
    group.add_argument(
        "--minutes-left", metavar="N", type=arguments.number, help="left in the block"
    )
    group.add_argument(
        "--rounds", metavar="N", type=arguments.positive_number, help="look so often, then end"
    )


@dataclass(slots=True, kw_only=True)
class Marks:
    """Marks to watch; each speaks once when it is passed, and again only after it was not."""

    limit_pct: float | None = 90.0
    burn_rate: float | None = None
    minutes_left: float | None = None
    cooldown_s: float = 900.0
    _passed: set[str] = field(default_factory=set)
    _spoke: dict[str, float] = field(default_factory=dict)

    def news(self, values: Mapping[str, Any], now_s: float) -> list[str]:
        """What is to be said about these figures."""
        said = []
        for name, passed, words in self._look(values):
            if not passed:
                self._passed.discard(name)
            elif name not in self._passed:
                self._passed.add(name)
                if now_s - self._spoke.get(name, -self.cooldown_s) >= self.cooldown_s:
                    self._spoke[name] = now_s
                    said.append(words)
        return said

    def _look(self, values: Mapping[str, Any]) -> Iterator[tuple[str, bool, str]]:
        tool = values.get("tool") or "AI tool"
        for name, label in (("block_pct", "5-hour limit"), ("weekly", "weekly limit")):
            used = values.get(name)
            if self.limit_pct is not None and isinstance(used, int | float):
                yield name, used >= self.limit_pct, f"{tool}: {int(used)}% of the {label} used"
        rate = values.get("burn_rate")
        if self.burn_rate is not None and isinstance(rate, int | float):
            yield "burn_rate", rate >= self.burn_rate, f"{tool}: ${rate:.2f} per hour"
        left = values.get("block_remaining")
        if self.minutes_left is not None and isinstance(left, int | float):
            minutes = left / 60
            yield "left", minutes <= self.minutes_left, f"{tool}: {minutes:.0f} min left in block"


def watch(connection: Connection, options: argparse.Namespace) -> int:
    """Look when figures have changed, and now and then because time passes, until stopped."""
    settings = connection.call(methods.SETTINGS_GET)["settings"]
    alerts = settings.get("tmux", {}).get("alerts", {})
    marks = Marks(
        limit_pct=options.limit_pct if options.limit_pct is not None else 90.0,
        burn_rate=_first(options.burn_rate, alerts.get("burn_rate_per_hour")),
        minutes_left=_first(options.minutes_left, alerts.get("block_minutes_remaining")),
        cooldown_s=60.0 * alerts.get("cooldown_minutes", 15),
    )
    mode = options.alert_mode or alerts.get("mode", "message")
    longest_s = options.interval or LOOK_AGAIN_S
    rounds = options.rounds
    connection.call(methods.SUBSCRIBE)
    while True:
        looked = time.monotonic()
        answer = json.loads(connection.call(methods.LINE, target="json")["text"])
        for words in marks.news(answer["values"], looked):
            tell(words, mode)
        rounds = None if rounds is None else rounds - 1
        if rounds is not None and rounds <= 0:
            return EXIT_OK
        if connection.next_notification(longest_s) is not None:
            time.sleep(max(0.0, looked + _PAUSE_S - time.monotonic()))
            # What has been pushed until now is one piece of news.
            while connection.next_notification(0) is not None:
                pass


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def tell(words: str, mode: str) -> None:
    """Say it in tmux: a message in every client, a bell on every client's terminal."""
    _, clients = tmux("list-clients", "-F", "#{client_tty}")
    for client in clients.split():
        if mode in ("message", "both"):
            tmux("display-message", "-c", client, "-d", "5000", words.replace("#", "##"))
        if mode in ("bell", "both"):
            with contextlib.suppress(OSError), open(client, "wb", buffering=0) as terminal:
                terminal.write(b"\a")
