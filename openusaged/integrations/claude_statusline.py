"""
Our status line in Claude Code's settings, by itself: put in, put beside a foreign one, taken out.

What it stands in for is remembered where the hooks' originals are, so that taking either out brings
it back byte for byte.  A foreign line is never replaced unless the caller says what to do with it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Final

from openusage_proto.values import dataclass
from openusaged.core.errors import ConfigError, InvalidParams
from openusaged.integrations import claude_code, scripts
from openusaged.integrations.base import Place, Site, record_of
from openusaged.integrations.claude_code import ID, STATUSLINE_KEY, open_settings
from openusaged.integrations.hook_groups import HookFile
from openusaged.integrations.ledger import Record
from openusaged.integrations.plan import Plan
from openusaged.integrations.wiring import UNINSTALLED, Outcome, alone, carry_out

INSTALLED: Final = "installed"
REPLACE: Final = "replace"
CHAIN: Final = "chain"
PADDING: Final = 0
_POINTER: Final = f"/{STATUSLINE_KEY}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What stands in one place now."""

    place: Place
    command: str
    """Empty when there is no status line."""
    ours: bool
    present: bool = True
    """Whether there is a status line, of whatever form."""


def lines(site: Site) -> list[Line]:
    """
    The status line of every configuration directory that is used (the usual one when none is).

    Raises:
        ConfigError: a file cannot be read.
    """
    found = []
    for place in _places(site):
        file = open_settings(site, place, Plan(site.ledger))
        command = _command(file)
        found.append(
            Line(
                place=place,
                command=command,
                ours=scripts.is_statusline(command),
                present=file.doc.node((STATUSLINE_KEY,)) is not None,
            )
        )
    return found


def install(
    site: Site,
    *,
    arguments: Sequence[str],
    foreign: str,
    dry_run: bool,
    expected: str,
    now_ms: int,
) -> Outcome:
    """
    Have our line in every place.

    `foreign` says what becomes of somebody else's: "" refuses, `replace`, or `chain` (ours runs it
    first and prints both).

    Raises:
        InvalidParams: `foreign` is none of these.
        ConfigError: somebody else's line is there; a file is broken, or not what was shown.
    """
    if foreign not in ("", REPLACE, CHAIN):
        raise InvalidParams(f"foreign: {foreign!r} is neither {REPLACE} nor {CHAIN}")
    with alone(site, dry_run=dry_run):
        plan = Plan(site.ledger)
        for place in _places(site):
            _install_one(site, place, plan, arguments, foreign)
        return carry_out(plan, INSTALLED, dry_run=dry_run, expected=expected, now_ms=now_ms)


def _install_one(
    site: Site, place: Place, plan: Plan, arguments: Sequence[str], foreign: str
) -> None:
    file = open_settings(site, place, plan)
    present = _command(file)
    ours = scripts.is_statusline(present)
    if file.doc.node((STATUSLINE_KEY,)) is not None and not ours and not foreign:
        raise ConfigError(
            f"{place.config} has another status line ({present or 'no command'});"
            f" say `{REPLACE}` or `{CHAIN}`"
        )
    before = scripts.line_before(present) if ours else present if foreign == CHAIN else ""
    words = [site.statusline, *(shlex.quote(word) for word in arguments)]
    if before:
        words += [scripts.AFTER, shlex.quote(before)]
    command = " ".join(words)
    if command == present:
        return
    record = record_of(place.config, ID, place.home, plan)
    if ours:
        # Only the command: padding and the like may be the user's.
        raw = json.dumps(command, ensure_ascii=False)
        file.doc.replace((STATUSLINE_KEY, "command"), raw)
        file.finish()
        return
    if present and foreign == REPLACE:
        plan.note("your status line is replaced; `openusage statusline uninstall` brings it back")
    if file.blank and not record.created and record.blank is None:
        record.blank = plan.draft(place.config).text
    value = {"type": "command", "command": command, "padding": PADDING}
    file.set_value(record, STATUSLINE_KEY, value)


def uninstall(site: Site, *, dry_run: bool, expected: str, now_ms: int) -> Outcome:
    """
    Take our line out and bring back what was there; somebody else's line stays.

    Raises:
        ConfigError: a file is broken, or not what was shown.
    """
    with alone(site, dry_run=dry_run):
        plan = Plan(site.ledger)
        touched: list[str] = []
        for place in _places(site):
            file = open_settings(site, place, plan)
            if not scripts.is_statusline(_command(file)):
                continue
            record = site.ledger.record(place.config, ID, place.home)
            claude_code.restore_statusline(file, record)
            touched.append(place.config)
        outcome = carry_out(plan, UNINSTALLED, dry_run=dry_run, expected=expected, now_ms=now_ms)
        if not dry_run and touched:
            _tidy(site, plan, touched)
        return outcome


def _tidy(site: Site, plan: Plan, paths: Sequence[str]) -> None:
    """Forget what has been put back; a file without anything of ours has no record."""
    empty = []
    for path in paths:
        record = site.ledger.records.get(path)
        if record is None:
            continue
        record.originals.pop(_POINTER, None)
        if not _has_hooks(site, path, record):
            empty.append(path)
    plan.forget(empty)


def _has_hooks(site: Site, path: str, record: Record) -> bool:
    place = Place(home=record.home, config=path)
    return bool(open_settings(site, place, Plan(site.ledger)).ours())


def _places(site: Site) -> list[Place]:
    places = claude_code.places(site)
    return [place for place in places if place.used] or places[:1]


def _command(file: HookFile) -> str:
    value = file.doc.value((STATUSLINE_KEY,))
    command = value.get("command") if isinstance(value, dict) else None
    return command if isinstance(command, str) else ""
