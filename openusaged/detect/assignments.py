"""
Reads `NAME=value` out of one line of a shell start-up file or a `.env` file, without a shell.

Only what is certain is taken: a value that the shell would still have to expand (`$`, backticks),
split or concatenate is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FISH_FIELD: Final = re.compile(r"""(?:'[^']*'|"[^"]*"|[^\s'"])+""")
_NOT_BARE: Final = frozenset(" \t$`'\"")
_BLANKS: Final = " \t"


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """The assignments of a whole file, in order."""
    for line in text.splitlines():
        found = assignment(line)
        if found is not None:
            yield found


def assignment(line: str) -> tuple[str, str] | None:
    """Name and value of one line, or None when it is no assignment that can be taken literally."""
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    if line.startswith(("export ", "export\t")):
        line = line[len("export") :].lstrip(_BLANKS)
    if line.startswith(("set ", "set\t")):
        name, value = _fish(line)
    else:
        name, equals, value = line.partition("=")
        if not equals:
            return None
    if not _NAME.match(name):
        return None
    literal = _literal(value)
    return (name, literal) if literal else None


def _fish(line: str) -> tuple[str, str]:
    """`set -gx NAME value`: only an exported variable reaches the programs."""
    fields = _FISH_FIELD.findall(line)
    if len(fields) < 4 or not fields[1].startswith("-") or "x" not in fields[1]:
        return "", ""
    return fields[2], " ".join(fields[3:])


def _literal(value: str) -> str:
    """The text that the shell would assign; empty when that takes more than reading."""
    value = value.strip()
    if value[:1] in {"'", '"'}:
        return _quoted(value)
    for comment in (" #", "\t#"):
        value = value.partition(comment)[0]
    value = value.rstrip().rstrip(";").rstrip()
    return "" if _NOT_BARE & set(value) else value


def _quoted(value: str) -> str:
    quote = value[0]
    inner, closed, rest = value[1:].partition(quote)
    if not closed or (rest and not (rest[0] in _BLANKS and rest.lstrip(_BLANKS).startswith("#"))):
        return ""
    if quote == '"' and ("$" in inner or "`" in inner or "\\" in inner):
        return ""
    return inner
