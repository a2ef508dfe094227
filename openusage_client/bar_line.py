"""
The line of tmux and of desktop bars, fast: asks the daemon for it and prints it.

Exits 0 whatever happens; without an answer it prints the last good line of exactly these flags
while that is young, else `?` as the bar takes it, and says why on stderr.
"""

# No `from __future__`, `typing` or `re` here: see `quick`.
import os

from openusage_client import quick

DEADLINE_S = 0.300
MIN_DEADLINE_S = 0.050
COLOR_MODES = " truecolor 256 ansi none "
_SHARED = {
    "--preset": "text",
    "--format": "text",
    "--segment": "text",
    "--provider": "text",
    "--account": "text",
    "--strategy": " recency priority ",
    "--color-mode": COLOR_MODES,
    "--glyphs": " ascii unicode nerdfont ",
    "--theme": "text",
    "--no-color": "",
    "--max-runtime": "text",
    "--no-cache": "",
    "--no-autostart": "",
}
TMUX_FLAGS = {
    **_SHARED,
    "--no-truecolor": "",
    "--pane-command": "any",
    "--pane-path": "any",
    "--json": "",
    "--raw": "",
}
# A bar's own --format says which bar; the template is --template.
BAR_FLAGS = {
    **_SHARED,
    "--format": " waybar polybar sketchybar plain ansi json ",
    "--template": "text",
}
_KEYS = {
    "--preset": "preset",
    "--format": "format",
    "--template": "format",
    "--segment": "segment",
    "--provider": "provider",
    "--account": "account",
    "--strategy": "strategy",
    "--color-mode": "color_mode",
    "--glyphs": "glyphs",
    "--theme": "theme",
    "--pane-command": "pane_command",
    "--pane-path": "pane_path",
}
_UNKNOWN = {
    "waybar": '{"text": "?", "class": "unknown"}',
    "sketchybar": '{"label": "?", "label.color": "0xffffffff", "state": "unknown"}',
    "json": '{"schema_version":1,"rendered":"?","state":"unknown"}',
}
"""What stands for `?` where a bar wants JSON."""
_SHAPES = ("--preset", "--format", "--segment", "--template", "--json")


def fast(command: str, arguments: "list[str]") -> "int | None":
    """Print the line for these flags; None when they need a closer look."""
    flags = quick.read_flags(arguments, TMUX_FLAGS if command == "tmux" else BAR_FLAGS)
    if flags is None:
        return None
    if command == "tmux":
        if sum(shape in flags for shape in _SHAPES) > 1:
            return None
        if not flags and is_bare():
            return None
        target = "json" if "--json" in flags else "tmux"
    else:
        target = flags.pop("--format", "waybar")
    seconds = runtime_of(flags.get("--max-runtime"))
    if seconds is None or "," in (
        target + flags.get("--color-mode", "") + flags.get("--glyphs", "")
    ):
        return None
    return main(command, arguments, flags, target, seconds)


def is_bare() -> bool:
    """Whether a person typed it: on a terminal outside tmux."""
    return os.isatty(1) and not os.environ.get("TMUX")


def runtime_of(text: "str | None") -> "float | None":
    """Seconds of `300ms` or `1s`; None when it is neither."""
    if text is None:
        return DEADLINE_S
    number, unit = (text[:-2], 0.001) if text.endswith("ms") else (text.removesuffix("s"), 1.0)
    if not (number.isascii() and number.isdigit() and len(number) < 7):
        return None
    return max(MIN_DEADLINE_S, int(number) * unit)


def main(
    command: str, arguments: "list[str]", flags: "dict[str, str]", target: str, seconds: float
) -> int:
    """Print the line and return 0, except for a name that the daemon does not know."""
    pairs = [b'"target":%s' % quick.quoted(target)]
    pairs += [
        b'"%s":%s' % (_KEYS[flag].encode(), quick.quoted(value))
        for flag, value in flags.items()
        if flag in _KEYS and value
    ]
    mode = _color_mode(flags)
    if mode:
        pairs = [pair for pair in pairs if not pair.startswith(b'"color_mode"')]
        pairs.append(b'"color_mode":"%s"' % mode)
    path = quick.kept_path(command, *arguments)
    refusal = b""
    text = None
    reason = "the daemon draws nothing"
    try:
        with quick.Deadline(seconds):
            answer = quick.ask(b"line", b"{%s}" % b",".join(pairs))
        text, refusal = _read(answer)
    except OSError:
        reason = "the daemon is not running; `openusaged start` starts it"
    except quick.TooLate:
        reason = f"the daemon did not answer within {seconds:.2f} s"
    except ValueError:
        reason = "the daemon's answer is no text"
    if refusal:
        os.write(2, b"openusage: " + refusal + b"\n")
        return 2
    if text is None:
        kept = None if "--no-cache" in flags else quick.kept(path)
        text = kept[0] if kept is not None else _UNKNOWN.get(target, "?")
        os.write(2, f"openusage: {reason}\n".encode())
    elif "--no-cache" not in flags:
        quick.keep(path, text)
    quick.write(text)
    return 0


def _read(answer: str) -> "tuple[str | None, bytes]":
    """The text of an answer, or why the daemon refuses the parameters."""
    text = quick.text_of(answer, '"result"', '"text"')
    if text is None and '"error"' in answer and '"invalid_params"' in answer:
        detail = quick.text_of(answer, '"error"', '"detail"')
        return None, (detail or "").encode("utf-8", "replace")
    if text is None and '"result"' in answer:
        # Nothing to show is an answer, too: an empty piece of the bar.
        return "", b""
    return text, b""


def _color_mode(flags: "dict[str, str]") -> bytes:
    if "--no-color" in flags or os.environ.get("NO_COLOR"):
        return b"none"
    return b"256" if "--no-truecolor" in flags else b""
