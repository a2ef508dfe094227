"""
OpenCode: one plugin file in the directory it loads plugins from.

No entry in `opencode.json` is needed, and none is made.  One that names our file is taken out with
it, or OpenCode would look for a file that is gone; that file may have comments.
"""

from __future__ import annotations

import os
from typing import Final

from openusage_proto import locations
from openusaged.core.errors import ConfigError
from openusaged.integrations import scripts
from openusaged.integrations.base import (
    BROKEN,
    MISSING,
    OUTDATED,
    READY,
    Integration,
    Place,
    Report,
    Site,
    copy_reason,
    record_of,
)
from openusaged.integrations.json_edit import JsonText
from openusaged.integrations.json_syntax import SyntaxProblem
from openusaged.integrations.plan import Plan
from openusaged.integrations.scripts import Script

ID: Final = "opencode"
SCRIPT: Final = Script(shipped=("opencode", "openusage.ts"), installed="openusage.ts")
PLUGIN_DIRS: Final = ("plugins", "plugin")
CONFIGS: Final = ("opencode.json", "opencode.jsonc", "config.json")
PLUGIN: Final = "plugin"


def places(site: Site) -> list[Place]:
    """The one directory that every OpenCode of this user loads."""
    home = os.path.join(_config_home(site), "opencode")
    return [Place(home=home, config=os.path.join(home, PLUGIN_DIRS[0], SCRIPT.installed))]


def _config_home(site: Site) -> str:
    return locations.config_home({**site.machine.env, "HOME": site.machine.home})


def inspect(site: Site, place: Place) -> Report:
    """Whether the plugin is there, which version, and whether another copy is loaded besides."""
    copy = scripts.inspect(SCRIPT, place.config)
    state = {
        scripts.ABSENT: MISSING,
        scripts.FOREIGN: BROKEN,
        scripts.OLDER: OUTDATED,
        scripts.EDITED: OUTDATED,
    }.get(copy.state, READY)
    reasons = copy_reason(copy, SCRIPT)
    if copy.state == scripts.FOREIGN:
        reasons.append(f"{place.config} is no plugin of ours")
    others = [path for path in _other_copies(site, place) if path != place.config]
    if others and state == MISSING:
        state = READY
    reasons += [f"loaded from {path}" for path in others]
    return Report(place=place, state=state, reasons=tuple(reasons))


def _other_copies(site: Site, place: Place) -> list[str]:
    """Copies that a user has put elsewhere; two are loaded both, and count once all the same."""
    directories = [place.home]
    extra = site.machine.env.get("OPENCODE_CONFIG_DIR", "")
    if os.path.isabs(extra):
        directories.append(extra)
    paths = [
        os.path.join(directory, name, SCRIPT.installed)
        for directory in directories
        for name in PLUGIN_DIRS
    ]
    return [path for path in paths if scripts.inspect(SCRIPT, path).version is not None]


def install(site: Site, place: Place, options: frozenset[str], plan: Plan) -> None:
    """Put the plugin in place, unless a newer one is there."""
    del site, options
    copy = scripts.inspect(SCRIPT, place.config)
    scripts.refuse_foreign(copy)
    if copy.state == scripts.NEWER:
        plan.note(copy_reason(copy, SCRIPT)[0])
    elif copy.state != scripts.CURRENT:
        record_of(place.config, ID, place.home, plan)
        plan.put_script(place.config, SCRIPT)
    if copy.state == scripts.ABSENT:
        plan.note(
            "OpenCode fetches its plugin package at its next start; without a network that takes a"
            " minute unless npm_config_fetch_retries=0 is set"
        )


def uninstall(site: Site, place: Place, plan: Plan) -> None:
    """Remove the plugin, and entries of OpenCode's configuration that name it."""
    del site
    copy = scripts.inspect(SCRIPT, place.config)
    if copy.state in (scripts.ABSENT, scripts.FOREIGN):
        return
    plan.drop_script(place.config, SCRIPT)
    for name in CONFIGS:
        _drop_entries(os.path.join(place.home, name), place.config, plan)


def _drop_entries(path: str, plugin: str, plan: Plan) -> None:
    try:
        draft = plan.draft(path)
        if draft.file.data is None:
            return
        text = JsonText(draft.text, jsonc=True)
    except (ConfigError, SyntaxProblem) as error:
        plan.note(f"{path} could not be searched for entries that name the plugin: {error}")
        return
    entries = text.value((PLUGIN,)) if isinstance(text.value(), dict) else None
    if not isinstance(entries, list):
        return
    for at in reversed(range(len(entries))):
        entry = entries[at]
        # a plugin with options is written as [name, options]
        name = entry[0] if isinstance(entry, list) and entry else entry
        if isinstance(name, str) and name.removeprefix("file://") == plugin:
            text.remove((PLUGIN, at))
    draft.set_text(text.text)


INTEGRATION: Final = Integration(
    id=ID,
    title="OpenCode",
    script=SCRIPT,
    places=places,
    inspect=inspect,
    install=install,
    uninstall=uninstall,
    options={},
    loads_script=True,
    silent="OpenCode loads plugins at its start, and `opencode --pure` does not load them",
)
