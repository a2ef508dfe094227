"""
Our block in tmux's configuration: made, put in, replaced, taken out; everything else stays.

The command lives in an option of tmux of its own (`@openusage_right`) and the status line only
names that option, so that another preset changes the option and never adds a second piece.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import tempfile
from collections.abc import Mapping
from typing import Final

from openusage_proto.values import dataclass

BEGIN: Final = "# >>> openusage tmux >>>"
END: Final = "# <<< openusage tmux <<<"
SEPARATOR: Final = " │ "
SIDES: Final = ("right", "left", "both")
OPTIONS: Final = ("@openusage_right", "@openusage_left")
INTERVAL_S: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the block is to do."""

    program: str
    flags: tuple[str, ...] = ()
    side: str = "right"
    interval_s: int = INTERVAL_S
    right_length: int = 200
    left_length: int = 80
    popup_key: str = ""
    refresh_key: str = ""
    pane: bool = False
    """Tool and project of the pane in focus."""


def config_path(env: Mapping[str, str], home: str) -> str:
    """The file that tmux reads: the first that is there, else the first it would look for."""
    xdg = env.get("XDG_CONFIG_HOME", "")
    places = [os.path.join(xdg, "tmux", "tmux.conf")] if os.path.isabs(xdg) else []
    places += [os.path.join(home, ".config", "tmux", "tmux.conf"), os.path.join(home, ".tmux.conf")]
    return next((path for path in places if os.path.exists(path)), places[0])


def block(wanted: Wanted) -> str:
    """The lines between our marks, with them."""
    command = " ".join(shlex.quote(word) for word in (wanted.program, "tmux", *wanted.flags))
    if wanted.pane:
        command += ' --pane-command "#{pane_current_command}" --pane-path #{q:pane_current_path}'
    lines = [
        BEGIN,
        "# made by `openusage tmux install`; `openusage tmux uninstall` takes it out again",
        f"set -g status-interval {wanted.interval_s}",
    ]
    if wanted.side in ("right", "both"):
        lines += [
            f"set -g status-right-length {wanted.right_length}",
            f"set -g @openusage_right {_quoted(f'#({command}){SEPARATOR}')}",
            _once("status-right", "@openusage_right", "##{E:@openusage_right}#{status-right}"),
        ]
    if wanted.side in ("left", "both"):
        lines += [
            f"set -g status-left-length {wanted.left_length}",
            f"set -g @openusage_left {_quoted(f'#({command}){SEPARATOR}')}",
            _once("status-left", "@openusage_left", "#{status-left}##{E:@openusage_left}"),
        ]
    if wanted.popup_key:
        program = shlex.quote(wanted.program)
        key = shlex.quote(wanted.popup_key)
        lines.append(f"bind-key {key} display-popup -E -w 90% -h 90% {_quoted(program)}")
    if wanted.refresh_key:
        lines.append(f"bind-key {shlex.quote(wanted.refresh_key)} refresh-client -S")
    return "\n".join([*lines, END]) + "\n"


def _once(option: str, mark: str, value: str) -> str:
    """Name our option in a status option, unless that has been done."""
    test = f"#{{m:*{mark}*,#{{{option}}}}}"
    return f"if-shell -F '{test}' '' 'set -gF {option} \"{value}\"'"


def _quoted(text: str) -> str:
    """A text for tmux's own parser."""
    for char in ("\\", '"', "$"):
        text = text.replace(char, "\\" + char)
    return f'"{text}"'


def with_block(text: str, new: str) -> str:
    """A configuration with the block: in the old one's place, else at the end."""
    found = _span(text)
    if found is not None:
        return text[: found[0]] + new + text[found[1] :]
    # Uninstalling takes the block out and nothing else, so a missing line end stays missing.
    return text + ("" if not text or text.endswith("\n") else "\n") + new


def without_block(text: str) -> str:
    """A configuration without the block."""
    found = _span(text)
    return text if found is None else text[: found[0]] + text[found[1] :]


def _span(text: str) -> tuple[int, int] | None:
    start = text.find(BEGIN)
    end = text.find(END, start)
    if min(start, end) < 0:
        return None
    after = end + len(END)
    return start, after + 1 if text[after : after + 1] == "\n" else after


def read(path: str) -> str | None:
    """A configuration's text; None when there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(path: str, text: str | None) -> str:
    """
    Put a text (None: nothing) in a file's place at once; the old bytes are kept beside it.

    Returns the path of the kept copy, empty when there was nothing to keep.
    """
    target = os.path.realpath(path)
    backup = ""
    mode = 0o644
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(target).st_mode & 0o777
        backup = f"{target}.openusage.bak"
        with open(target, "rb") as old, open(backup, "wb") as copy:
            copy.write(old.read())
        os.chmod(backup, mode)
    if text is None:
        os.unlink(target)
        return backup
    os.makedirs(os.path.dirname(target), exist_ok=True)
    fd, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".openusage-")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    return backup
