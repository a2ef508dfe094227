"""
The status line, fast: hands stdin to the daemon unparsed and prints the text it drew.

It runs after every turn of every session.  Whatever happens it prints a line within `DEADLINE_S`,
exits 0 and never starts the daemon (spec/jsonrpc.md, statusline).  Without the daemon it is the
session's last good line while that is young, else what stdin itself says.
"""

# No `from __future__`, `typing` or `re` here: see `quick`.
import os

from openusage_client import quick

DEADLINE_S = 0.150
MAX_INPUT_BYTES = 1 << 20
AGE_SHOWN_S = 60
SEGMENTS = (
    " model session today block burn window5h reset pace weekly context project branch lines "
)
"""As in `openusage_proto.line_messages`; a test keeps them equal."""
FLAGS = {
    "--ascii": "",
    "--no-color": "",
    "--segments": SEGMENTS,
    "--context-medium": "number",
    "--context-high": "number",
    "--width": "number",
    "--mode": " calculate display auto ",
}


def fast(arguments: "list[str]", data: "bytearray | None" = None) -> "int | None":
    """Print the line for these flags (and input); None when they need a closer look."""
    flags = quick.read_flags(arguments, FLAGS)
    if flags is None or "," in flags.get("--mode", ""):
        return None
    medium, high = flags.get("--context-medium", "50"), flags.get("--context-high", "80")
    if int(medium) > int(high):
        return None
    return main(
        color="--no-color" not in flags,
        ascii_only="--ascii" in flags,
        more=_more(flags),
        thresholds=(int(medium), int(high)),
        data=data,
    )


def _more(flags: "dict[str, str]") -> bytes:
    """The JSON of parameters beyond the two that every request has."""
    parts = b""
    if "--segments" in flags:
        names = b",".join(b'"%s"' % name.encode() for name in flags["--segments"].split(","))
        parts += b'"segments":[%s],' % names
    for flag in ("--context-medium", "--context-high", "--width"):
        if flag in flags:
            key = flag[2:].replace("-", "_").encode()
            parts += b'"%s":%d,' % (key, int(flags[flag]))
    if "--mode" in flags:
        parts += b'"mode":"%s",' % flags["--mode"].encode()
    return parts


def main(
    *,
    color: bool = True,
    ascii_only: bool = False,
    more: bytes = b"",
    thresholds: "tuple[int, int]" = (50, 80),
    data: "bytearray | None" = None,
) -> int:
    """Print one line for the JSON on stdin (or `data`, when it has been read) and return 0."""
    color = color and not os.environ.get("NO_COLOR")
    given = bytearray() if data is None else data
    text = None
    try:
        with quick.Deadline(DEADLINE_S):
            if data is None:
                read_stdin(given)
            answer = _ask(bytes(given), color=color, ascii_only=ascii_only, more=more)
        text = quick.text_of(answer, '"result"', '"text"')
    except (OSError, ValueError, quick.TooLate):
        # Not running, too slow, refused, nonsense: what is below still says something.
        text = None
    path = quick.kept_path("statusline", str(color), str(ascii_only), str(more), session_of(given))
    if text is None:
        text = _last_good(path) or _offline(
            bytes(given), color=color, ascii_only=ascii_only, thresholds=thresholds
        )
    else:
        quick.keep(path, text)
    quick.write(text)
    return 0


def _last_good(path: str) -> "str | None":
    kept = quick.kept(path)
    if kept is None:
        return None
    text, age = kept
    return text if age < AGE_SHOWN_S else f"{text} ({int(age) // 60}m old)"


def _offline(data: bytes, *, color: bool, ascii_only: bool, thresholds: "tuple[int, int]") -> str:
    from openusage_client.statusline_offline import line

    return line(data, color=color, ascii_only=ascii_only, thresholds=thresholds)


def session_of(data: bytearray) -> str:
    """The session's id, found without parsing; empty when it is not at the usual place."""
    at = data.find(b'"session_id"')
    start = data.find(b'"', data.find(b":", at)) + 1
    end = data.find(b'"', start)
    if at < 0 or not 0 < start < end or end - start > 128:
        return ""
    return data[start:end].decode("utf-8", "replace")


def read_stdin(data: bytearray) -> None:
    """All of stdin into `data`; nothing when it is a terminal or longer than the cap."""
    if os.isatty(0):
        return
    while chunk := os.read(0, quick.CHUNK_BYTES):
        data += chunk
        if len(data) > MAX_INPUT_BYTES:
            data.clear()
            return


def _ask(payload: bytes, *, color: bool, ascii_only: bool, more: bytes) -> str:
    """What the daemon answers; empty when there is nothing to ask it."""
    payload = payload.strip()
    # A line ends the request, so none may be inside; blanks are the same between JSON tokens.
    payload = payload.replace(b"\r", b" ").replace(b"\n", b" ") or b"{}"
    if not (payload.startswith(b"{") and payload.endswith(b"}")):
        return ""
    params = b'{"color":%s,"ascii":%s,%s"payload":%s}' % (
        b"true" if color else b"false",
        b"true" if ascii_only else b"false",
        more,
        payload,
    )
    return quick.ask(b"statusline", params)
