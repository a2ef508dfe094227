"""One row of the keymap; a module of its own, so that screens can bring their rows."""

from __future__ import annotations

from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """
    One row of the table.

    `keys` do the same; `contexts` are the screens it works on; `help` is a sentence for the help
    screen and `hint` a word or two for the footer (empty: not in the footer).
    """

    keys: tuple[str, ...]
    command: str
    contexts: tuple[str, ...]
    help: str
    hint: str = ""
