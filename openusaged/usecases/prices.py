"""
The price lists of a running daemon: loads them, reloads them when they change, hands out books.

The user's own file is read again when it changes; a catalogue of new models is fetched once a day
in a worker thread.  Ingest never waits for either.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from openusaged.config.settings import PricingSettings
from openusaged.core.errors import ConfigError, OpenUsageError, UpstreamChanged
from openusaged.pricing import custom
from openusaged.pricing.book import PriceBook, Sources
from openusaged.pricing.catalogue import shipped
from openusaged.pricing.price_file import PriceFile, catalogue_path
from openusaged.providers.shared.http_response import HttpResponse

log = logging.getLogger(__name__)

CATALOGUE_URL: Final = (
    "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json"
)
MAX_CATALOGUE_BYTES: Final = 32 << 20
DEFAULT_TTL_S: Final = 24 * 3600.0
RETRY_S: Final = 3600.0
"""After a failure; the old catalogue serves meanwhile, however old."""
TIMEOUT_S: Final = 60.0
_OFF: Final = frozenset({"0", "off", "never", "false"})
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(h|m|s)")
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0}


class CatalogueClient(Protocol):
    """The part of the HTTP client that is used here."""

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: float = ...,
        max_bytes: int = ...,
    ) -> HttpResponse:
        """An answer of whatever status."""


def time_to_live_s(env: Mapping[str, str]) -> float | None:
    """
    How long a catalogue is current, by `OPENUSAGE_PRICING_TTL`; None when none is wanted.

    `12h`, `30m`, `1h30m` or seconds; `off` (or 0) fetches nothing; anything else is a day.
    """
    text = env.get("OPENUSAGE_PRICING_TTL", "").strip().lower()
    if not text:
        return DEFAULT_TTL_S
    if text in _OFF:
        return None
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts) or None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if seconds > 0:
        return seconds
    log.warning("event=pricing_ttl_unusable value=%s used=24h", text[:40])
    return DEFAULT_TTL_S


class Prices:
    """
    All price lists and the books that use them.

    `load` and `refresh` block and belong into a worker thread; the rest is quick.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        http: CatalogueClient,
        now_ms: Callable[[], int],
        settings: Callable[[], PricingSettings],
    ) -> None:
        self._env = env
        self._http = http
        self._now_ms = now_ms
        self._settings = settings
        self._books: list[PriceBook] = []
        self._ttl_s = time_to_live_s(env)
        self._retry_at_ms = 0
        self.custom_path = custom.custom_path(env)
        self.file = PriceFile(catalogue_path(env))
        self.refresh_error = ""
        """Why the last refresh failed; empty after one that did not."""
        self.sources = Sources(shipped(), custom.CustomPrices(path=self.custom_path), self.file)

    def book(self) -> PriceBook:
        """A book of its own for each thread that prices events; follows every later change."""
        sources = self.sources
        book = PriceBook(sources.catalogue, sources.custom, sources.fetched)
        self._books.append(book)
        return book

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the user's own prices."""
        return self.sources.custom.warnings

    def load(self) -> bool:
        """Read the user's own prices again; whether they or their warnings have changed."""
        loaded = custom.load(self.custom_path)
        before = self.sources.custom
        if loaded == before:
            return False
        for warning in loaded.warnings:
            if warning not in before.warnings:
                log.warning("event=custom_pricing warning=%s", warning)
        self._take(Sources(self.sources.catalogue, loaded, self.file))
        return True

    def _take(self, sources: Sources) -> None:
        self.sources = sources
        for book in self._books:
            book.use(sources)

    # ------------------------------------------------------------ refresh

    @property
    def is_due(self) -> bool:
        """Whether the catalogue is wanted, stale, and not just been asked for in vain."""
        if self._ttl_s is None or not self._settings().refresh:
            return False
        now_ms = self._now_ms()
        checked_ms = self.file.checked_ms()
        stale = checked_ms is None or not 0 <= now_ms - checked_ms < self._ttl_s * 1000
        return stale and now_ms >= self._retry_at_ms

    def refresh(self) -> bool:
        """
        Fetch the catalogue when it has changed; whether there is a new one.

        Raises:
            ProviderError: it cannot be fetched.
            ConfigError: it cannot be understood or kept; what was there serves on.
        """
        try:
            fetched = self._fetch()
        except OpenUsageError as error:
            self.refresh_error = str(error)
            self._retry_at_ms = self._now_ms() + int(RETRY_S * 1000)
            raise
        self.refresh_error = ""
        self._retry_at_ms = 0
        if fetched:
            # Same path, other content: what was looked up has to be looked up again.
            self._take(Sources(self.sources.catalogue, self.sources.custom, self.file))
        return fetched

    def _fetch(self) -> bool:
        header = self.file.header()
        etag = header.etag if header is not None else ""
        response = self._http.send(
            "GET",
            self._settings().catalogue_url or CATALOGUE_URL,
            headers={"If-None-Match": etag} if etag else {},
            timeout_s=TIMEOUT_S,
            max_bytes=MAX_CATALOGUE_BYTES,
        )
        if response.status == 304 and header is not None:
            self._touch()
            return False
        response.require_ok(self._now_ms() / 1000)
        if response.status != 200:
            raise UpstreamChanged(response.place, f"unexpected HTTP {response.status}")
        # Loaded for this one occasion a day.
        from openusaged.pricing.litellm import compile_catalogue

        data = compile_catalogue(
            response.body, etag=response.headers.get("etag", ""), fetched_ms=self._now_ms()
        )
        try:
            self.file.write(data)
            self._touch()
        except OSError as error:
            raise ConfigError(f"{self.file.path}: {error.strerror or error}") from error
        log.info("event=price_catalogue_fetched bytes=%d", len(data))
        return True

    def _touch(self) -> None:
        now_s = self._now_ms() / 1000
        os.utime(self.file.path, (now_s, now_s))
