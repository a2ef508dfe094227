"""
What a dialog asks, as data: the screen in front of all others, shown by `dialogs` with npyscreen.

Separate from the forms so that commands can open one and tests can read it without a terminal.
"""

from __future__ import annotations

from typing import Literal

from openusage_proto.values import dataclass

Kind = Literal["text", "secret", "choice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One line to choose: what it stands for and how it reads."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """
    A question: `purpose` and `subject` say what the answer is for.

    `value` is what stands there first: the text, or the value of the choice that is marked.  A
    secret never stands there.
    """

    purpose: str
    title: str
    kind: Kind
    subject: str = ""
    lines: tuple[str, ...] = ()
    label: str = ""
    value: str = ""
    choices: tuple[Choice, ...] = ()
    keys: str = "Enter saves, Esc cancels"


YES = "yes"


def confirm(
    purpose: str, title: str, lines: tuple[str, ...], yes: str, subject: str = ""
) -> Dialog:
    """A question whose harmless answer comes first."""
    return Dialog(
        purpose=purpose,
        subject=subject,
        title=title,
        kind="choice",
        lines=lines,
        choices=(Choice(value="", label="No, leave it as it is"), Choice(value=YES, label=yes)),
        keys="Enter chooses, Esc cancels",
    )
