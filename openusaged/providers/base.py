"""
The contract of a provider: one service, one module or package, one exported `PROVIDER`.

`fetch` and `collect` are the only side-effecting calls.  A provider is synchronous, keeps no
changing globals, and gets clock, HTTP, environment and home from its context, so that a test can
give it a temporary machine.  Parsing and projecting are pure functions of their own.

Local records are read in *units*: a log file or a database.  `units` lists them cheaply (stat
only); the caller compares each with its stored cursor and calls `collect` for the changed ones,
in the daemon for a few kilobytes and in a scanner process for more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol

from openusage_proto.values import dataclass
from openusaged.core.models import Account, SourceCursor, UsageEvent, UsageSnapshot
from openusaged.providers.shared.http_response import HttpResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine as a provider may see it: environment, home and platform."""

    env: Mapping[str, str]
    home: str
    platform: str = "linux"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """One figure `fetch` can return: its key, words, unit, window and kind of money."""

    key: str
    label: str
    unit: str
    window: str = ""
    money_kind: str = ""
    """`billed`, `estimate`, `credits`; empty when it is no money."""
    moves: str = ""
    """How money moves, so that spend in a window follows from stored points: `cumulative` (`used`
    only grows until a reset), `balance` (drops of `remaining` are spend), empty when neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVariable:
    """An environment variable that holds an API key, and the account it makes."""

    name: str
    account_id: str
    short_names: tuple[str, ...] = ()
    """What Aider calls the provider in its `api-key` list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieSpec:
    """The browser cookie that a console without an API is asked with."""

    domain: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetSpec:
    """What a tile or detail view shows: gauges (metric keys in order) and sections."""

    gauges: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """Static facts: identity, how it authenticates, what it can tell, how often to ask."""

    id: str
    title: str
    description: str
    kind: str
    """`agent`, `ide` or `api`."""
    auth: str
    """`local`, `oauth`, `api_key`, `token`, `cookie`."""
    setup: str = ""
    """What a user does to make it work, one sentence."""
    metrics: tuple[MetricSpec, ...] = ()
    dashboard: WidgetSpec = WidgetSpec()
    detail: WidgetSpec = WidgetSpec()
    min_poll_s: float = 60.0
    """Never ask the vendor more often than this."""
    base_url: str = ""
    """Where `fetch` asks unless the account says otherwise."""
    keys: tuple[KeyVariable, ...] = ()
    """Environment variables with API keys, the first of an account wins."""
    cookie: CookieSpec | None = None
    binaries: tuple[str, ...] = ()
    """Names of the tool's program, for detection."""
    history: bool = False
    """`fetch` brings usage of past days (`UsageSnapshot.reported`, or events of a usage log)."""
    home_variable: str = ""
    """Environment variable that moves the tool's data directory (the vendor's own, else
    `OPENUSAGE_<ID>_HOME`): an account with a `home` of its own is completed through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One file or database with local records, as `os.stat` saw it."""

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    group: str = ""
    """Units of one group are read in order by one reader (parent rollouts before their forks)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Events and the cursor that is right once they are stored; commit both together."""

    events: Sequence[UsageEvent]
    cursor: SourceCursor
    snapshot: UsageSnapshot | None = None
    """Limits the log itself carries (Codex writes the vendor's windows into its rollouts)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectContext:
    """What `collect` may use: the machine and a bound for one chunk."""

    machine: Machine
    max_chunk_events: int = 2000


class HttpClient(Protocol):
    """The one way out: a GET or POST with time-outs, size caps and typed failures."""

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_s: float = 10.0,
        follow_redirects: bool = True,
    ) -> HttpResponse:
        """
        An answer of whatever status, for callers that read its headers or judge it themselves.

        Raises:
            UpstreamChanged: too large, or a redirect to another host.
            Unreachable: refused, timed out, broken off, name not found.
            ProviderError: the address or a header cannot be sent at all.
        """
        ...

    def get_json(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: float = 10.0,
    ) -> Any:
        """
        The decoded body of a 200.

        Raises:
            AuthRequired: 401 or 403.
            RateLimited: 429, with Retry-After when given.
            UpstreamChanged: no JSON, or another status that is no server error.
            Unreachable: 5xx, refused, timed out, name not found.
        """
        ...


def _no_secret(account: Account) -> str:  # noqa: ARG001 - the contract
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchContext:
    """What `fetch` may use."""

    machine: Machine
    http: HttpClient
    now_ms: Callable[[], int]
    user_agent: str = "openusage"
    secret_of: Callable[[Account], str] = _no_secret
    """API key of an account: its variable, what the user stored, what detection found; or ""."""
    cookie_of: Callable[[Account], str] = _no_secret
    """Value of the account's browser cookie (`ProviderSpec.cookie`), or ""."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A poll that also brought usage of single requests (a vendor's usage log)."""

    snapshot: UsageSnapshot
    events: Sequence[UsageEvent] = ()
    """Of channel `api`; the identity of each must be stable over polls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookResult:
    """
    What one hook payload says.

    `wake_paths` are logs that have just grown (or will within a second): the caller reads
    them through the account's cursors.  Text of the payload is never in here.
    """

    events: Sequence[UsageEvent] = ()
    wake_paths: Sequence[str] = ()
    snapshot: UsageSnapshot | None = None
    session_id: str = ""


DiscoverFn = Callable[[Machine], Iterable[Account]]
UnitsFn = Callable[[Account, Machine], Iterator[Unit]]
CollectFn = Callable[[Account, Unit, SourceCursor | None, CollectContext], Iterator[Chunk]]
LocateFn = Callable[[Account, str, Machine], Unit | None]
"""The unit that a changed path belongs to (a database's `-wal` belongs to the database), or None.
Where a provider has none, a changed `*.jsonl` is its own unit and anything else lists them all."""
FetchFn = Callable[[FetchContext, Account], UsageSnapshot | Fetched]
HookFn = Callable[[Mapping[str, Any], int, Machine], HookResult]
"""(payload, observed_at in epoch ms, machine) -> HookResult; raises `InvalidEvent`."""


@dataclass(frozen=True, slots=True)
class Shallow:
    """A directory of which only its own entries are to be watched, not what lies deeper."""

    path: str


WatchFn = Callable[[Account, Machine], Iterable[str | Shallow]]
"""Directories to watch recursively; those that do not exist are watched through their parent."""


RootsFn = Callable[[Machine], Iterable[str]]
"""Directories that would hold the tool's records were it installed: when one appears, accounts are
looked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A service: static facts and the functions it implements."""

    spec: ProviderSpec
    discover: DiscoverFn | None = None
    """Accounts found in local records; a provider that is only a key (`spec.keys`) has none."""
    units: UnitsFn | None = None
    collect: CollectFn | None = None
    locate: LocateFn | None = None
    watch: WatchFn | None = None
    roots: RootsFn | None = None
    fetch: FetchFn | None = None
    hook: HookFn | None = None
    sources: tuple[str, ...] = field(default=())
    """Names this provider answers to in `ingest_turn`; its id when empty."""

    @property
    def id(self) -> str:
        """The provider's stable id."""
        return self.spec.id
