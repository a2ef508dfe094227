"""
Codebuff: usage of the local agent from its chats.

kind: agent
reads: projects/*/chats/*/chat-messages.json below ~/.config/manicode, ~/.config/manicode-dev and
  ~/.config/manicode-staging
env: CODEBUFF_DATA_DIR
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from openusaged.core.models import Account, SourceCursor
from openusaged.providers.base import (
    Chunk,
    CollectContext,
    Provider,
    ProviderSpec,
    Unit,
    WidgetSpec,
)
from openusaged.providers.codebuff import paths

SPEC: Final = ProviderSpec(
    id=paths.ID,
    title=paths.TITLE,
    description="Tokens, credits and tools of the Codebuff agent, by model and project",
    kind="agent",
    auth="local",
    binaries=("codebuff",),
    home_variable="CODEBUFF_DATA_DIR",
    setup="Nothing to do: the chats are found below ~/.config/manicode.",
    dashboard=WidgetSpec(sections=("models", "projects")),
    detail=WidgetSpec(sections=("models", "tools", "mcp", "languages", "projects")),
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Read what is new in a chat."""
    from openusaged.providers.codebuff import chats

    return chats.collect(account, unit, cursor, context)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=paths.discover,
    units=paths.units,
    collect=collect,
    locate=paths.locate,
    watch=paths.watch,
    roots=paths.roots,
)
