"""
Codex: the `notify` program, which needs no confirmation, and optionally its newer hooks.

`notify` is one top-level key of `config.toml`.  Below a table Codex takes it for a key of that
table and ignores it; a second program cannot be named.  A notifier that is there is therefore
called by our script, with the words behind `--then`, and gets its own line back when we go.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
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
    refuse_syntax,
    stray_reasons,
    unique_places,
)
from openusaged.integrations.hook_groups import HookFile
from openusaged.integrations.json_syntax import SyntaxProblem
from openusaged.integrations.plan import Draft, Plan
from openusaged.integrations.scripts import Script
from openusaged.integrations.toml_edit import TomlText, render, strings
from openusaged.providers.base import Machine
from openusaged.providers.shared.places import listed

ID: Final = "codex"
SCRIPT: Final = Script(
    shipped=("codex", "openusage_hook.py"), installed="codex.py", starts_module=True
)
NOTIFY: Final = "notify"
THEN: Final = "--then"
HOOKS: Final = "hooks"
HOOKS_FILE: Final = "hooks.json"
EVENTS: Final = ("Stop", "SubagentStop", "PostToolUse")
HOOKS_SINCE: Final = (0, 145)
"""The first version that was seen to run command hooks."""
_SNAKE: Final = {"Stop": "stop", "SubagentStop": "subagent_stop", "PostToolUse": "post_tool_use"}


def places(site: Site) -> list[Place]:
    """Every home: of the variables, the default, of accounts, wired before."""
    return unique_places(_configs(site))


def _configs(site: Site) -> Iterator[tuple[str, str]]:
    for home in _homes(site.machine):
        yield home, os.path.join(home, "config.toml")
    for account in site.accounts:
        if account.provider_id == ID:
            config = account.paths.get("config") or os.path.join(account.home, "config.toml")
            yield account.home, config
    for home in site.ledger.homes(ID):
        yield home, os.path.join(home, "config.toml")


def _homes(machine: Machine) -> list[str]:
    named = machine.env.get("CODEX_CONFIG_DIR", "")
    if os.path.isabs(named):
        return [named.rstrip("/")]
    return listed("CODEX_HOME", machine) or [os.path.join(machine.home, ".codex")]


def inspect(site: Site, place: Place) -> Report:
    """How `notify` and hooks are wired in one home."""
    copy = scripts.inspect(SCRIPT, site.copy_path(SCRIPT))
    plan = Plan(site.ledger)
    try:
        values = _values(plan.draft(place.config))
    except ConfigError as error:
        return Report(place=place, state=BROKEN, reasons=(str(error),))
    command = _ours(values, site)
    wired = [NOTIFY] if command else []
    reasons: list[str] = []
    wrong: list[str] = []
    strays: list[str] = []
    if command:
        path = scripts.script_in(command, SCRIPT, site.copy_path(SCRIPT))
        if trouble := scripts.trouble(command, path):
            wrong.append(trouble)
        if path != site.copy_path(SCRIPT):
            strays.append(path)
        reasons += [*wrong, *copy_reason(copy, SCRIPT), *stray_reasons(strays)]
    state = judge(wired, [NOTIFY], wrong, copy, strays)
    if table := _misplaced(values, site):
        reasons.append(f"{NOTIFY} stands below the table [{table}], where Codex ignores it")
    options, more = _inspect_hooks(site, place, values, plan)
    return Report(place=place, state=state, reasons=(*reasons, *more), options=options)


def _inspect_hooks(
    site: Site, place: Place, values: Mapping[str, Any], plan: Plan
) -> tuple[tuple[str, ...], list[str]]:
    try:
        hooks = _open_hooks(site, place, plan)
    except ConfigError as error:
        return (), [str(error)]
    handlers = hooks.ours()
    if not handlers:
        return (), []
    reasons = [f"{HOOKS_FILE}: {reason}" for reason in hooks.troubles()]
    if len(_untrusted(values, place, hooks)) == len(handlers):
        reasons.append(f"{HOOKS_FILE}: Codex asks once whether you trust the hooks; start it")
    return (HOOKS,), reasons


def _untrusted(values: Mapping[str, Any], place: Place, hooks: HookFile) -> list[str]:
    """Our handlers that the user has not approved in Codex's own screen."""
    table = values.get(HOOKS)
    known = table.get("state") if isinstance(table, dict) else None
    known = known if isinstance(known, dict) else {}
    path = os.path.join(place.home, HOOKS_FILE)
    keys = [
        f"{path}:{_SNAKE.get(item.event, item.event)}:{item.group}:{item.index}"
        for item in hooks.ours()
    ]
    return [key for key in keys if key not in known]


def _misplaced(values: Mapping[str, Any], site: Site, path: str = "") -> str:
    """The table in which a `notify` of ours stands without effect."""
    for key, value in values.items():
        if not isinstance(value, dict):
            continue
        name = f"{path}.{key}" if path else key
        words = value.get(NOTIFY)
        if isinstance(words, list) and scripts.script_in(
            [str(word) for word in words], SCRIPT, site.copy_path(SCRIPT)
        ):
            return name
        if found := _misplaced(value, site, name):
            return found
    return ""


def install(site: Site, place: Place, options: frozenset[str], plan: Plan) -> None:
    """Put the script in place and name it; hooks when they are asked for or are there."""
    put_copy(site, SCRIPT, plan)
    draft = plan.draft(place.config)
    toml = _open(draft)
    record = record_of(place.config, ID, place.home, plan)
    command = site.hook_command(SCRIPT)
    ours = _ours(toml.values, site)
    if ours:
        words, then = _split_chain(ours)
        path = scripts.script_in(words, SCRIPT, site.copy_path(SCRIPT))
        if path != site.copy_path(SCRIPT) or scripts.dead_program(words):
            toml.replace(NOTIFY, render([*command, *([THEN, *then] if then else [])]))
    elif NOTIFY in toml.values:
        raw = toml.raw(NOTIFY)
        before = strings(raw)
        if before is None:
            line = toml.text.count("\n", 0, toml.text.find(raw)) + 1
            raise ConfigError(
                f"{place.config}:{line}: {NOTIFY} is no list of strings, which Codex refuses, too;"
                " nothing was changed"
            )
        record.originals[NOTIFY] = raw
        toml.replace(NOTIFY, render([*command, *([THEN, *before] if before else [])]))
        if before:
            plan.note(f"your notifier {before[0]} is called by our script as before")
    else:
        record.originals.pop(NOTIFY, None)
        record.added = toml.insert(NOTIFY, command)
    draft.set_text(toml.text)
    try:
        hooks = _open_hooks(site, place, plan)
    except ConfigError:
        # `notify` does not need that file
        if HOOKS in options:
            raise
        return
    if HOOKS in options or hooks.ours():
        _wire_hooks(site, place, hooks, plan)


def _wire_hooks(site: Site, place: Place, hooks: HookFile, plan: Plan) -> None:
    version = site.program_version(ID)
    if not hooks.ours():
        if version is not None and version[:2] < HOOKS_SINCE:
            told, needed = (".".join(map(str, item)) for item in (version, HOOKS_SINCE))
            raise ConfigError(f"Codex {told} runs no hooks; {needed} or newer does")
        plan.note('Codex asks once in its own screen ("Hooks need review") before it runs them')
    path = os.path.join(place.home, HOOKS_FILE)
    record = record_of(path, ID, place.home, plan)
    hooks.wire(record, {event: {} for event in EVENTS}, site.hook_command(SCRIPT))


def uninstall(site: Site, place: Place, plan: Plan) -> None:
    """Take `notify` and hooks out of one home; a notifier of before gets its line back."""
    draft = plan.draft(place.config)
    toml = _open(draft)
    record = plan.ledger.record(place.config, ID, place.home)
    if ours := _ours(toml.values, site):
        _, then = _split_chain(ours)
        raw = record.originals.get(NOTIFY)
        if raw is not None and strings(raw) == then:
            toml.replace(NOTIFY, raw)
        elif then:
            toml.replace(NOTIFY, render(then))
        else:
            toml.remove(NOTIFY, record.added)
        if record.created and not toml.text.strip():
            draft.delete()
        else:
            draft.set_text(toml.text)
    try:
        hooks = _open_hooks(site, place, plan)
    except ConfigError as error:
        plan.note(f"could not be searched for hooks of ours: {error}")
        return
    if hooks.ours():
        path = os.path.join(place.home, HOOKS_FILE)
        hooks.unwire(plan.ledger.record(path, ID, place.home))


def _split_chain(command: list[str]) -> tuple[list[str], list[str]]:
    """Our own words, and those of the notifier that is called after us."""
    if THEN not in command:
        return command, []
    at = command.index(THEN)
    return command[:at], command[at + 1 :]


def _ours(values: Mapping[str, Any], site: Site) -> list[str]:
    """The words of `notify` when it is our script that they run, else none."""
    command = values.get(NOTIFY)
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        return []
    words, _ = _split_chain(command)
    return command if scripts.script_in(words, SCRIPT, site.copy_path(SCRIPT)) else []


def _values(draft: Draft) -> Mapping[str, Any]:
    """What the file says; looking alone does not load the library that edits."""
    import tomllib

    try:
        return tomllib.loads(draft.text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return _open(draft).values


def _open(draft: Draft) -> TomlText:
    try:
        return TomlText(draft.text)
    except SyntaxProblem as problem:
        refuse_syntax(draft.file.path, problem)


def _open_hooks(site: Site, place: Place, plan: Plan) -> HookFile:
    path = os.path.join(place.home, HOOKS_FILE)
    return HookFile(plan.draft(path), SCRIPT, site.copy_path(SCRIPT))


INTEGRATION: Final = Integration(
    id=ID,
    title="Codex",
    script=SCRIPT,
    places=places,
    inspect=inspect,
    install=install,
    uninstall=uninstall,
    options={HOOKS: "each tool call the moment it ends; Codex asks once whether you trust them"},
    silent="failed turns and /compact send nothing; `codex` must have been started since",
)
