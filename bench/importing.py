"""A first import of three agents' logs: how long, how much memory, and how the daemon answers."""

from __future__ import annotations

import statistics
import threading
import time

from bench import corpus, process_figures
from bench.process_figures import quantile
from tests.support.daemon import Daemon
from tests.support.waiting import wait_until

MB = 1_000_000


Figures = dict[str, tuple[float, str]]


def run(quick: bool) -> list[tuple[str, float, str]]:
    """
    Medians of three imports, each into an empty database, of logs in the page cache.

    First nobody asks for anything meanwhile, then two clients do all the time.
    """
    rows = []
    for measure in (_alone, _asked):
        rounds = [measure(quick) for _ in range(1 if quick else 3)]
        for name, (_, unit) in rounds[0].items():
            rows.append((name, statistics.median(item[name][0] for item in rounds), unit))
    return rows


def _alone(quick: bool) -> Figures:
    with corpus.fresh_home() as (home, daemon):
        truth = corpus.put_logs(home, quick)
        size = sum(truth.bytes_by_source.values())
        daemon.start()
        wait_until(lambda: _has_imported(daemon), 300.0, "the import")
        figures = process_figures.of(daemon.pid)
        status = daemon.call("status")
        found = daemon.call("read_model", window="all", tz="UTC")["totals"]["total_tokens"]
        wanted = truth.total().total
        if found != wanted:
            raise AssertionError(f"imported {found} tokens of {wanted}")
        rescan = time.monotonic()
        daemon.call("refresh", wait=True)
        rescan = time.monotonic() - rescan
        events = status["events"]["stored"]
        database = status["database_bytes"] + status["wal_bytes"]
    return {
        "import_bytes": (size / MB, "MB"),
        "import_events": (events, "events"),
        "import_seconds": (status["importing"]["seconds"], "s"),
        "import_daemon_cpu": (figures.cpu_s, "s"),
        "import_database_per_event": (database / events, "B"),
        "rescan_nothing_changed": (rescan * 1000, "ms"),
    }


def _asked(quick: bool) -> Figures:
    with corpus.fresh_home() as (home, daemon):
        corpus.put_logs(home, quick)
        started = time.monotonic()
        daemon.start(wait=False)
        wait_until(lambda: _answers(daemon), 20.0, "the socket")
        samplers = [
            _Sampler(daemon, "status", {}),
            _Sampler(daemon, "read_model", {"window": "30d", "tz": "UTC"}),
        ]
        for sampler in samplers:
            sampler.start()
        wait_until(lambda: _has_imported(daemon), 300.0, "the import")
        wall = time.monotonic() - started
        for sampler in samplers:
            sampler.stop()
        figures = process_figures.of(daemon.pid)
        seconds = daemon.call("status")["importing"]["seconds"]
        answers, reads = (sampler.times_ms for sampler in samplers)
    return {
        "import_seconds_asked": (seconds, "s"),
        "import_wall_from_spawn": (wall, "s"),
        "import_daemon_rss_peak": (figures.rss_peak_bytes / MB, "MB"),
        "import_status_p50": (quantile(answers, 0.5), "ms"),
        "import_status_p99": (quantile(answers, 0.99), "ms"),
        "import_read_model_p50": (quantile(reads, 0.5), "ms"),
        "import_read_model_p99": (quantile(reads, 0.99), "ms"),
    }


def _answers(daemon: Daemon) -> bool:
    try:
        daemon.call("status")
    except OSError:
        return False
    return True


def _has_imported(daemon: Daemon) -> bool:
    return bool(daemon.call("status")["importing"]["finished_at"])


class _Sampler(threading.Thread):
    """Asks one method again and again over one connection, five milliseconds apart."""

    def __init__(self, daemon: Daemon, method: str, params: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._daemon = daemon
        self._method = method
        self._params = params
        self._stopping = threading.Event()
        self.times_ms: list[float] = []

    def run(self) -> None:
        with self._daemon.wire() as wire:
            while not self._stopping.wait(0.005):
                began = time.perf_counter()
                wire.call(self._method, **self._params)
                self.times_ms.append((time.perf_counter() - began) * 1000)

    def stop(self) -> None:
        """End it after the call that is under way."""
        self._stopping.set()
        self.join()
