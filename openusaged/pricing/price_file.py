"""
A price file: a line of header, then one line per model, sorted, searched by halving on disk.

    {"source":"litellm","etag":"...","fetched_ms":...,"entries":2606}
    acme/acme-1<TAB>{"provider":"acme","model":{...}}
    ~acme-1<TAB>"acme/acme-1"

Lines that begin with `~` lead from a name's normal form to the best entry of that name.  A look-up
reads a dozen short pieces and keeps nothing in memory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import IO, Final

import msgspec

from openusage_proto import locations
from openusaged.pricing.dated import DatedRates, Model, build_dated
from openusaged.pricing.names import normalised, spellings

LOOSE_MARK: Final = "~"
MAX_LINE_BYTES: Final = 64 << 10

# How the catalogue calls those that our events name as biller.
_ROUTES: Final = {
    "google": ("gemini", "vertex_ai"),
    "x-ai": ("xai",),
    "moonshotai": ("moonshot",),
    "aws": ("bedrock",),
    "github-copilot": ("github_copilot",),
    "together": ("together_ai",),
    "fireworks": ("fireworks_ai",),
    "qwen": ("dashscope",),
    "alibaba": ("dashscope",),
    "alibaba_cloud": ("dashscope",),
    "azure_openai": ("azure",),
}


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What the file was made from."""

    source: str
    etag: str = ""
    fetched_ms: int = 0
    entries: int = 0


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model and whose price it is."""

    provider: str
    model: Model


class FileMatch(msgspec.Struct, frozen=True):
    """A price out of the file."""

    provider: str
    rates: DatedRates


_header = msgspec.json.Decoder(Header)
_entry = msgspec.json.Decoder(Entry)
_text = msgspec.json.Decoder(str)


def catalogue_path(env: Mapping[str, str]) -> str:
    """Where the fetched catalogue is kept."""
    return os.path.join(locations.cache_dir(env), "pricing", "litellm.prices")


class PriceFile:
    """A compiled catalogue on disk; its absence and damage mean "no price", never an error."""

    def __init__(self, path: str) -> None:
        self.path = path

    def header(self) -> Header | None:
        """What the file was made from; None when there is no usable file."""
        try:
            with open(self.path, "rb") as file:
                return _header.decode(file.readline(MAX_LINE_BYTES))
        except (OSError, msgspec.DecodeError):
            return None

    def checked_ms(self) -> int | None:
        """When it was last found to be current: a repeated check touches the file."""
        try:
            return int(os.stat(self.path).st_mtime * 1000)
        except OSError:
            return None

    def write(self, data: bytes) -> None:
        """
        Put other content in its place: a reader sees the old or the new file, never half.

        Raises:
            OSError: the file system refuses.
        """
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        temporary = f"{self.path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def find(self, provider: str, model: str, tier: str = "") -> FileMatch | None:
        """
        Prices of a model: its own spelling under its biller, plain, then its normal form.

        Someone else's price for it (a reseller's, where the biller has none) is approximate.
        """
        try:
            with open(self.path, "rb") as file:
                search = _Search(file)
                for name, own in _candidates(provider, model):
                    line = search.value(name)
                    if line is None:
                        continue
                    if name.startswith(LOOSE_MARK):
                        line = search.value(_text.decode(line)) or b""
                    return _match(_entry.decode(line), provider, tier, own=own)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return None

    def names(self) -> Iterator[str]:
        """Every model of the file; reads all of it."""
        try:
            with open(self.path, "rb") as file:
                file.readline(MAX_LINE_BYTES)
                for line in file:
                    if not line.startswith(LOOSE_MARK.encode()):
                        yield line.partition(b"\t")[0].decode("utf-8", "replace")
        except OSError:
            return


def _candidates(provider: str, model: str) -> Iterator[tuple[str, bool]]:
    """(key to look for, whether the biller's own name is part of it)."""
    names = spellings(model)
    routes = (*_ROUTES.get(provider, ()), provider) if provider else ()
    for name in names:
        for route in routes:
            yield f"{route}/{name}", True
        yield name, False
    yield LOOSE_MARK + normalised(model), False


def _match(entry: Entry, provider: str, tier: str, *, own: bool) -> FileMatch | None:
    known = (provider, *_ROUTES.get(provider, ()))
    same = own or not provider or not entry.provider or entry.provider.startswith(known)
    rates = build_dated(
        entry.model,
        tier,
        # A plain name is the maker's list price, which is what an estimate is made of; a name
        # with a route is what that reseller takes.
        approximate=not same and "/" in entry.model.id,
        write_premium=entry.provider == "anthropic",
    )
    return None if rates is None else FileMatch(entry.provider, rates)


class _Search:
    """Finds lines by their key; the lines behind the header are in the order of their bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._first = len(file.readline(MAX_LINE_BYTES))
        self._end = file.seek(0, os.SEEK_END)

    def value(self, name: str) -> bytes | None:
        """What stands behind the key, or None."""
        wanted = name.encode()
        low, high = self._first, self._end
        # The line that holds `low` begins at or before the wanted one.
        while low < high:
            middle = (low + high) // 2
            start, line = self._line_at(middle)
            key, tab, value = line.rstrip(b"\n").partition(b"\t")
            if key == wanted and tab:
                return value
            if key < wanted:
                # Of a whole line always behind the middle; a damaged file must not hold us.
                low = max(start + len(line), middle + 1)
            else:
                high = start
        return None

    def _line_at(self, offset: int) -> tuple[int, bytes]:
        """The whole line that holds an offset, and where it begins."""
        begin = max(self._first, offset - MAX_LINE_BYTES)
        step = 256
        while True:
            start = max(begin, offset - step)
            self._file.seek(start)
            before = self._file.read(offset - start)
            cut = before.rfind(b"\n")
            if cut >= 0:
                start += cut + 1
                break
            if start == begin:
                break
            step *= 4
        self._file.seek(start)
        return start, self._file.readline(MAX_LINE_BYTES)
