"""
Claude Code: hooks for the end of a turn, of a sub-agent and of a session, and the status line.

Registered in `settings.json` of each configuration directory.  Claude Code reads it as plain JSON:
one comment in it switches all hooks off, so a file with comments is broken for Claude Code, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, Final

from openusaged.core.errors import ConfigError
from openusaged.integrations import scripts
from openusaged.integrations.base import (
    BROKEN,
    Integration,
    Place,
    Report,
    Site,
    copy_reason,
    judge,
    put_copy,
    record_of,
    stray_reasons,
    unique_places,
)
from openusaged.integrations.hook_groups import HookFile
from openusaged.integrations.ledger import Record
from openusaged.integrations.plan import Plan
from openusaged.integrations.scripts import Script
from openusaged.providers.claude_code.paths import CONFIG_DIR_ENV
from openusaged.providers.shared.places import listed

ID: Final = "claude_code"
SCRIPT: Final = Script(
    shipped=("claude", "openusage_hook.py"), installed="claude.py", starts_module=True
)
EVENTS: Final = ("Stop", "SubagentStop", "SessionEnd")
TOOL_EVENTS: Final = ("PostToolUse", "PostToolUseFailure")
TOOLS: Final = "tools"
STATUSLINE: Final = "statusline"
STATUSLINE_KEY: Final = "statusLine"
OFF_WORDS: Final = ("0", "false", "no", "off")
SWITCH: Final = "OPENUSAGE_TELEMETRY_ENABLED"


def places(site: Site) -> list[Place]:
    """Every configuration directory: of the variables, the default, of accounts, wired before."""
    return unique_places(_configs(site))


def _configs(site: Site) -> Iterator[tuple[str, str]]:
    env, home = site.machine.env, site.machine.home
    settings = env.get("CLAUDE_SETTINGS_FILE", "")
    if os.path.isabs(settings):
        yield os.path.dirname(settings), settings
    else:
        for named in listed(CONFIG_DIR_ENV, site.machine) or [os.path.join(home, ".claude")]:
            path = named.removesuffix("/projects")
            yield path, os.path.join(path, "settings.json")
    for account in site.accounts:
        config = os.path.join(account.home, "settings.json")
        # Claude Code reads other directories only when its variable names them.
        if account.provider_id == ID and (account.origin == "settings" or os.path.isfile(config)):
            yield account.home, config
    for path, record in site.ledger.records.items():
        if record.integration == ID:
            yield record.home, path


def inspect(site: Site, place: Place) -> Report:
    """How hooks and status line are wired in one directory."""
    copy = scripts.inspect(SCRIPT, site.copy_path(SCRIPT))
    try:
        file = open_settings(site, place, Plan(site.ledger))
    except ConfigError as error:
        return Report(place=place, state=BROKEN, reasons=(str(error),))
    wired = {handler.event for handler in file.ours()}
    wrong, strays = file.troubles(), file.strays()
    state = judge(wired, EVENTS, wrong, copy, strays)
    reasons = list(wrong)
    if wired:
        reasons += [f"no hook for {event}" for event in EVENTS if event not in wired]
        reasons += copy_reason(copy, SCRIPT)
        reasons += _switched_off(file.doc.value())
        reasons += stray_reasons(strays)
    options = [TOOLS] if wired.issuperset(TOOL_EVENTS) else []
    if line := _statusline(file):
        options.append(STATUSLINE)
        if dead := scripts.dead_program(scripts.split(line)):
            reasons.append(f"the status line: {dead}")
            state = BROKEN
    return Report(place=place, state=state, reasons=tuple(reasons), options=tuple(options))


def _switched_off(settings: Any) -> Iterator[str]:
    if settings.get("disableAllHooks") is True:
        yield "disableAllHooks in it switches all hooks off"
    env = settings.get("env")
    value = env.get(SWITCH) if isinstance(env, dict) else None
    if isinstance(value, str) and value.strip().lower() in OFF_WORDS:
        yield f"env.{SWITCH} in it switches our hook off"


def install(site: Site, place: Place, options: frozenset[str], plan: Plan) -> None:
    """Put the script and its hooks in place; optional parts that are there stay."""
    put_copy(site, SCRIPT, plan)
    file = open_settings(site, place, plan)
    record = record_of(place.config, ID, place.home, plan)
    wired = {handler.event for handler in file.ours()}
    events: dict[str, dict[str, str]] = {event: {} for event in EVENTS}
    if TOOLS in options or wired & set(TOOL_EVENTS):
        events |= {event: {"matcher": "*"} for event in TOOL_EVENTS}
    file.wire(record, events, site.hook_command(SCRIPT))
    if _statusline(file):
        if scripts.dead_program(scripts.split(_statusline(file))):
            raw = json.dumps(site.statusline, ensure_ascii=False)
            file.doc.replace((STATUSLINE_KEY, "command"), raw)
            file.finish()
    elif STATUSLINE in options:
        if file.doc.node((STATUSLINE_KEY,)) is not None:
            plan.note("your status line is replaced; uninstalling brings it back")
        ours = {"type": "command", "command": site.statusline}
        file.set_value(record, STATUSLINE_KEY, ours)
    plan.note("sessions that run already do not know the hooks: start a new one")


def _statusline(file: HookFile) -> str:
    """The command of the status line when it is ours, else empty."""
    line = file.doc.value((STATUSLINE_KEY,))
    command = line.get("command") if isinstance(line, dict) else None
    return command if isinstance(command, str) and scripts.is_statusline(command) else ""


def uninstall(site: Site, place: Place, plan: Plan) -> None:
    """Take hooks and status line out of one directory."""
    file = open_settings(site, place, plan)
    record = plan.ledger.record(place.config, ID, place.home)
    if _statusline(file):
        restore_statusline(file, record)
    file.unwire(record)


def restore_statusline(file: HookFile, record: Record) -> None:
    """Take our status line out; one that it replaced or runs first comes back."""
    before = scripts.line_before(_statusline(file))
    otherwise = {"type": "command", "command": before} if before else None
    file.restore_value(record, STATUSLINE_KEY, otherwise)


def open_settings(site: Site, place: Place, plan: Plan) -> HookFile:
    """
    The settings of one directory, taken apart.

    Raises:
        ConfigError: they are broken, with line and column.
    """
    return HookFile(plan.draft(place.config), SCRIPT, site.copy_path(SCRIPT))


INTEGRATION: Final = Integration(
    id=ID,
    title="Claude Code",
    script=SCRIPT,
    places=places,
    inspect=inspect,
    install=install,
    uninstall=uninstall,
    options={
        TOOLS: "each tool call the moment it ends (a process per call)",
        STATUSLINE: "our status line; brings the official 5-hour and weekly limits, too",
    },
    silent=(
        "sessions from before the installation do not know the hooks, and `claude --safe-mode`"
        " switches them off"
    ),
)
