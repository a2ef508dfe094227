"""
Roo Code: usage of the editor extension from its task folders.

kind: ide
reads: globalStorage/rooveterinaryinc.roo-cline/tasks/*/ui_messages.json and beside it
  api_conversation_history.json, history_item.json
env: OPENUSAGE_ROOCODE_HOME, XDG_CONFIG_HOME
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from openusaged.core.models import Account, SourceCursor
from openusaged.providers.base import (
    Chunk,
    CollectContext,
    Machine,
    Provider,
    ProviderSpec,
    Unit,
    WidgetSpec,
)
from openusaged.providers.shared import roo_folders

SPEC: Final = ProviderSpec(
    id="roocode",
    title="Roo Code",
    description="Tokens, cost and tools of the Roo Code extension, by model and project",
    kind="ide",
    auth="local",
    home_variable="OPENUSAGE_ROOCODE_HOME",
    setup="Nothing to do: the tasks of VS Code and its siblings are found. With a custom storage"
    " path, or a fork under another name, set OPENUSAGE_ROOCODE_HOME to the folder that holds"
    " `tasks`.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "mcp", "languages", "projects")),
)
WHOLE_PROMPT_SINCE_MS: Final = 1_761_955_200_000
"""2025-11-01, when 3.29.5 came out: `tokensIn` has held the cached tokens ever since."""

_EXTENSION: Final = roo_folders.Extension(
    provider_id=SPEC.id,
    title=SPEC.title,
    folder="rooveterinaryinc.roo-cline",
    home_variable=SPEC.home_variable,
    elsewhere=(".vscode-mock/global-storage",),
)


def discover(machine: Machine) -> Iterator[Account]:
    """One account for the extension in all editors."""
    return roo_folders.discover(_EXTENSION, machine)


def units(account: Account, machine: Machine) -> Iterator[Unit]:
    """The message list of every task."""
    return roo_folders.units(roo_folders.tasks_directories(_EXTENSION, account, machine))


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a task."""
    from openusaged.providers.shared import roo_tasks

    return roo_tasks.collect(
        account, unit, cursor, context, whole_prompt_since_ms=WHOLE_PROMPT_SINCE_MS
    )


def locate(account: Account, path: str, machine: Machine) -> Unit | None:
    """The task that a changed file belongs to."""
    return roo_folders.locate(roo_folders.tasks_directories(_EXTENSION, account, machine), path)


def watch(account: Account, machine: Machine) -> Iterable[str]:
    """The directories with the task folders."""
    return roo_folders.tasks_directories(_EXTENSION, account, machine)


def roots(machine: Machine) -> Iterable[str]:
    """The extension's storage in every editor."""
    return roo_folders.storage_folders(_EXTENSION, machine)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=discover,
    units=units,
    collect=collect,
    locate=locate,
    watch=watch,
    roots=roots,
)
