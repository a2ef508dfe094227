"""
Remembers the lines of tiles: a key that moves the selection draws two tiles anew, not forty.

Still a pure function: what is remembered depends on nothing but the arguments, which are immutable
values and recognised by being the very same objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from openusage_client.preferences import Preferences
from openusage_client.tui.layout import Line
from openusage_client.tui.state import AppState
from openusage_client.tui.views.tile import render_tile
from openusage_proto.messages import AccountSnapshot, ProviderInfo, ReadModel

_MAX_TILES: Final = 512


class _Inputs(NamedTuple):
    """Everything a tile's lines depend on besides its form; kept alive while the lines are."""

    account: AccountSnapshot
    model: ReadModel | None
    preferences: Preferences
    providers: Mapping[str, ProviderInfo]
    now: datetime

    def same_as(self, other: _Inputs) -> bool:
        """True when these are the same objects at the same time."""
        return self.now == other.now and all(
            ours is theirs for ours, theirs in zip(self[:4], other[:4], strict=True)
        )


_tiles: dict[tuple[object, ...], tuple[_Inputs, list[Line]]] = {}


def tile(
    state: AppState,
    account: AccountSnapshot,
    width: int,
    level: int,
    *,
    selected: bool = False,
    airy: bool = False,
) -> list[Line]:
    """The lines of `render_tile`; they are shared, so nobody may change them."""
    expanded = account.account_id in state.expanded
    key = (account.account_id, width, level, selected, airy, expanded, state.window)
    inputs = _Inputs(account, state.model, state.preferences, state.providers, state.now)
    known = _tiles.get(key)
    if known is not None and known[0].same_as(inputs):
        return known[1]
    lines = render_tile(state, account, width, level, selected=selected, airy=airy)
    if len(_tiles) >= _MAX_TILES:
        _tiles.clear()
    _tiles[key] = (inputs, lines)
    return lines
