"""
Runs one provider over one recorded machine: `tests/data/providers/<id>/<case>/`.

    case.json     what it is about, environment, account, the vendor's answers, what must come out
    home/         files of the home directory; `X.sql` becomes the SQLite database `X`, and
                  `X.template` becomes `X` with `{home}` and `{server}` filled in

A line `-- include: NAME` of an `.sql` file stands for a file beside the provider's cases, so that a
schema that several databases have is written once.

`case.json`:

    about      one sentence: format version and the rule it proves
    env        variables of the machine ({home} and {server} are filled in)
    platform   `linux` (default) or `darwin`
    now        ISO time of the clock
    account    fields that are laid over the account found (or make one when none is found):
               {"base_url": "{server}", "paths": {}, "options": {}, "api_key_env": ""}
    secret, cookie    what the account's key or cookie is
    routes     [{"method": "GET", "path": "/v1/x", "query": {"a": "1"}, "headers": {"authorization": "Bearer k"},
                 "request": {json}, "status": 200, "answer_headers": {}, "body": {json} | "text": ""}]
               the first that fits answers; a request that none fits is answered 404
    expected   worked out by hand from the provider's reference, never produced by the code:
      accounts   [{"id": ...}] fields of the accounts found, in order
      events     [{"at": ISO, "model": ..., "input": ...}] every event after deduplication, in order
                 of time; fields of `core.merge.CountedEvent`; those left out are not compared
      totals     {model: {"events": n, "input": ..., "cost_nano": ...}} sums per model, exactly
      snapshot   {"status": ..., "message": part of it, "metrics": {key: {fields}},
                  "no_metrics": [keys], "attributes": {}, "reported": [{fields}]}
      requests   ["GET /v1/x"] what was asked, in order
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import re
import shutil
import sqlite3
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from openusaged.core.merge import CountedEvent, count, merge
from openusaged.core.models import Account, SourceCursor, UsageEvent, UsageSnapshot
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped
from openusaged.providers import registry
from openusaged.providers.base import CollectContext, Machine, Provider, Unit
from openusaged.providers.shared.files import is_unchanged
from openusaged.providers.shared.http import UrllibHttpClient
from openusaged.telemetry.pipeline import Pipeline
from openusaged.telemetry.repositories import Repositories
from openusaged.usecases.polling import poll

DATA = Path(__file__).resolve().parents[1] / "data" / "providers"
DEFAULT_NOW = "2026-06-01T12:00:00Z"
INCLUDE = re.compile(r"^-- include: (\S+)$", re.MULTILINE)


@functools.cache
def cases() -> tuple[tuple[str, str], ...]:
    """(provider id, case name) of everything recorded."""
    found = DATA.glob("*/*/case.json")
    return tuple(sorted((path.parent.parent.name, path.parent.name) for path in found))


class CaseServer:
    """A vendor on 127.0.0.1 that answers by the case's routes and notes what it was asked."""

    def __init__(self, routes: list[dict[str, Any]]) -> None:
        self.routes = routes
        self.requests: list[str] = []
        self.fault: str = ""
        """`401`, `503`, ... instead of every answer; `garbage`, `array`, `slow`, `refuse`, `huge`."""
        self.fault_headers: dict[str, str] = {}
        self.release = threading.Event()
        outer = self

        class _Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size) if size else b""
                with contextlib.suppress(OSError):
                    outer.answer(self, body)

            do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the library names them

            def log_message(self, *_args: Any) -> None:
                pass

        class _Server(http.server.ThreadingHTTPServer):
            daemon_threads = False

            def handle_error(self, *_args: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        parts = urllib.parse.urlsplit(handler.path)
        self.requests.append(f"{handler.command} {parts.path}")
        if self.fault:
            self._fail(handler)
            return
        for route in self.routes:
            if self._fits(route, handler, parts, body):
                self._send(
                    handler,
                    route.get("status", 200),
                    route["text"].encode()
                    if "text" in route
                    else json.dumps(route.get("body")).encode(),
                    route.get("answer_headers", {}),
                )
                return
        self._send(handler, 404, b'{"error": "no such route in the case"}', {})

    def _fits(self, route: Mapping[str, Any], handler: Any, parts: Any, body: bytes) -> bool:
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        return (
            handler.command == route.get("method", "GET")
            and parts.path == route["path"]
            and all(query.get(key) == value for key, value in route.get("query", {}).items())
            and all(
                handler.headers.get(name) == value
                for name, value in route.get("headers", {}).items()
            )
            and ("request" not in route or _json(body) == route["request"])
        )

    def _fail(self, handler: Any) -> None:
        match self.fault:
            case "garbage":
                self._send(handler, 200, b"<html>\xff not json", {})
            case "array":
                self._send(handler, 200, b"[[], null, 7]", {})
            case "wrong_types":
                self._send(handler, 200, _wrong_types(self.routes), {})
            case "slow":
                self.release.wait(30)
            case "huge":
                self._send(handler, 200, b" " * (5 << 20), {})
            case status:
                self._send(
                    handler, int(status), b'{"error": {"message": "no"}}', self.fault_headers
                )

    def _send(self, handler: Any, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value.replace("{server}", self.url))
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _wrong_types(routes: list[dict[str, Any]]) -> bytes:
    """The first JSON answer with every leaf of another type than it should be."""

    def spoil(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spoil(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [spoil(inner) for inner in value] + [None]
        return [] if isinstance(value, int | float) else 17

    for route in routes:
        if "body" in route:
            return json.dumps(spoil(route["body"])).encode()
    return b'{"data": 17}'


@dataclass
class Secrets:
    """The account's key and cookie as the case gives them."""

    secret: str
    cookie: str

    def secret_of(self, account: Account) -> str:
        return self.secret

    def cookie_of(self, account: Account) -> str:
        return self.cookie


class Impatient(UrllibHttpClient):
    """The real client with a patience that suits a test."""

    def send(self, method, url, *, timeout_s=10.0, **rest):  # type: ignore[no-untyped-def,override]
        return super().send(method, url, timeout_s=min(timeout_s, self.patience_s), **rest)

    patience_s = 5.0


@dataclass
class Case:
    """A case set up in a directory, ready to be read."""

    provider: Provider
    document: dict[str, Any]
    machine: Machine
    server: CaseServer
    http: Impatient = field(default_factory=lambda: Impatient(proxies={}))

    @property
    def now_ms(self) -> int:
        return iso_ms(self.document.get("now", DEFAULT_NOW))

    def found(self) -> list[Account]:
        """What detection finds in the home."""
        return list(self.provider.discover(self.machine)) if self.provider.discover else []

    def accounts(self) -> list[Account]:
        """The accounts found, with the case's own fields laid over the first."""
        accounts = self.found()
        own = self.document.get("account")
        if own is None:
            return accounts
        values = self._filled(own)
        if not accounts:
            base = Account(id=self.provider.id, provider_id=self.provider.id, origin="settings")
            return [msgspec.structs.replace(base, **values)]
        first = accounts[0]
        for name in ("paths", "options"):
            if name in values:
                values[name] = {**getattr(first, name), **values[name]}
        return [msgspec.structs.replace(first, **values), *accounts[1:]]

    def units(self, account: Account) -> list[Unit]:
        return list(self.provider.units(account, self.machine)) if self.provider.units else []

    def read(
        self, account: Account, cursors: dict[str, SourceCursor], chunk_events: int = 2000
    ) -> list[UsageEvent]:
        """One pass as the collector does it: changed units only; cursors move along."""
        assert self.provider.collect is not None
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        events: list[UsageEvent] = []
        for unit in self.units(account):
            cursor = cursors.get(unit.path)
            if is_unchanged(unit, cursor):
                continue
            for chunk in self.provider.collect(account, unit, cursor, context):
                events += chunk.events
                cursors[chunk.cursor.path] = chunk.cursor
        return events

    def poll(self, account: Account) -> tuple[UsageSnapshot, list[UsageEvent]]:
        """One poll as the daemon does it."""
        fetched = poll(
            self.provider,
            account,
            machine=self.machine,
            http=self.http,
            now_ms=lambda: self.now_ms,
            secrets=Secrets(self.document.get("secret", ""), self.document.get("cookie", "")),
        )
        return fetched.snapshot, list(fetched.events)

    def _filled(self, value: Any) -> Any:
        return json.loads(fill(json.dumps(value), self.machine.home, self.server.url))


@contextlib.contextmanager
def open_case(provider_id: str, name: str, directory: Path) -> Iterator[Case]:
    """Set up a recorded machine in `directory` and run its vendor until the block ends."""
    source = DATA / provider_id / name
    document = json.loads((source / "case.json").read_text(encoding="utf-8"))
    home = directory / "home"
    home.mkdir()
    with CaseServer(document.get("routes", [])) as server:
        if (source / "home").is_dir():
            copy_home(source / "home", home, server.url)
        env = {
            "HOME": str(home),
            **{
                key: fill(value, str(home), server.url)
                for key, value in document.get("env", {}).items()
            },
        }
        yield Case(
            provider=registry.load(provider_id),
            document=document,
            machine=Machine(env=env, home=str(home), platform=document.get("platform", "linux")),
            server=server,
        )


def copy_home(source: Path, target: Path, server: str) -> None:
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".sql":
            connection = sqlite3.connect(place.with_suffix(""))
            with contextlib.closing(connection):
                connection.executescript(sql_of(path))
        elif path.suffix == ".template":
            text = path.read_text(encoding="utf-8")
            place.with_suffix("").write_text(fill(text, str(target), server), encoding="utf-8")
        else:
            shutil.copyfile(path, place)


def sql_of(path: Path) -> str:
    """The text of an `.sql` file with what it includes."""
    shared = DATA / path.relative_to(DATA).parts[0]
    return INCLUDE.sub(
        lambda found: (shared / found[1]).read_text(encoding="utf-8"),
        path.read_text(encoding="utf-8"),
    )


def fill(text: str, home: str, server: str) -> str:
    return text.replace("{home}", home).replace("{server}", server)


def iso_ms(text: str) -> int:
    """Epoch milliseconds of an ISO text."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def counted(events: list[UsageEvent], account_id: str) -> list[CountedEvent]:
    """What the store would hold: prepared, deduplicated and merged, in order of time."""
    pipeline = Pipeline(PriceBook(shipped()), Repositories())
    stored: dict[int, CountedEvent] = {}
    for prepared in pipeline.prepare(events, account_id):
        known = stored.get(prepared.identity)
        arrived = count(prepared)
        stored[prepared.identity] = arrived if known is None else merge(known, arrived)
    return sorted(
        stored.values(),
        key=lambda event: (event.ts_ms, event.model, event.event_type, event.tool_name),
    )


def read_home(path: str) -> dict[str, bytes]:
    """Every file below a directory with its bytes, to prove that reading changes nothing."""
    return {
        os.path.join(root, name): Path(root, name).read_bytes()
        for root, _, names in os.walk(path)
        for name in names
    }
