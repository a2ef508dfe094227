"""Reading the server's log backwards."""

from __future__ import annotations

import os

from openusaged.providers.base import Machine
from openusaged.providers.ollama import SPEC, server_log
from openusaged.providers.ollama.server_log import note_requests
from openusaged.providers.shared.figures import Figures
from tests.support.provider_case import iso_ms

NOW_MS = iso_ms("2026-06-10T12:00:00Z")


def line(time: str, path: str = "/api/chat", status: int = 200, latency: str = "1s") -> str:
    return f'[GIN] 2026/06/{time} | {status} | {latency} | 127.0.0.1 | POST     "{path}"\n'


def figures(directory, zone: str = "UTC"):
    found = Figures(SPEC)
    note_requests(found, str(directory), Machine(env={"TZ": zone}, home="/"), NOW_MS)
    return {key: metric.used for key, metric in found.metrics.items()}


def test_no_log_is_unknown_and_an_empty_one_is_zero(tmp_path):
    """Without a log nothing is known; with one that says nothing it was nothing."""
    assert figures(tmp_path / "missing") == {}
    assert figures(tmp_path) == {}
    (tmp_path / "server.log").write_text("")
    assert figures(tmp_path) == {"requests_5h": 0, "requests_1d": 0}


def test_lines_cut_by_a_block_are_whole(tmp_path, monkeypatch):
    """Whatever the block size, each line is read once."""
    text = "".join(line(f"10 - 11:{minute:02}:00") for minute in range(60))
    (tmp_path / "server.log").write_text("noise " * 50 + "\n" + text + "half a li")
    for size in (7, 64, 93, 94, 95, 1000, 1 << 20):
        monkeypatch.setattr(server_log, "BLOCK_BYTES", size)
        assert figures(tmp_path)["requests_1d"] == 60, size


def test_rotated_logs_are_read_as_far_as_needed(tmp_path, monkeypatch):
    """Older files are read until a line is older than a day, and no further."""
    texts = {
        "server-2.log": line("10 - 08:00:00"),
        "server-1.log": line("09 - 11:00:00") + line("09 - 13:00:00"),
        "server.log": line("10 - 11:00:00"),
        "server.log.txt": line("10 - 11:00:00"),
    }
    for number, (name, text) in enumerate(texts.items()):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (number, number))
    assert figures(tmp_path)["requests_1d"] == 2
    monkeypatch.setattr(server_log, "MAX_BYTES", 100)
    assert figures(tmp_path)["requests_1d"] == 1


def test_times_are_in_the_zone_of_the_machine(tmp_path):
    """A log written in Tokyo is read in Tokyo's time; an unknown zone is the process' own."""
    (tmp_path / "server.log").write_text(line("10 - 20:00:00"))
    assert figures(tmp_path, "Asia/Tokyo")["requests_5h"] == 1
    assert figures(tmp_path, "Asia/Tokyo")["avg_latency_ms_5h"] == 1000
    assert "requests_1d" in figures(tmp_path, "No/Where")
    assert "requests_1d" in figures(tmp_path, "")


def test_only_inference_counts(tmp_path):
    """Listings and unknown latencies are passed over, embeddings count to the total only."""
    (tmp_path / "server.log").write_text(
        line("10 - 11:00:00", "/api/embed", latency="?")
        + line("10 - 11:00:00", "/api/tags")
        + line("10 - 11:00:00", "/v1/messages?beta=true", 500)
    )
    assert figures(tmp_path) == {
        "requests_5h": 2,
        "requests_1d": 2,
        "chat_requests_5h": 1,
        "chat_requests_1d": 1,
        "http_5xx_5h": 1,
        "http_5xx_1d": 1,
        "avg_latency_ms_5h": 1000.0,
        "avg_latency_ms_1d": 1000.0,
    }


def test_unreadable_log_costs_only_itself(tmp_path):
    """A directory in the place of a log is passed over."""
    (tmp_path / "server-1.log").mkdir()
    (tmp_path / "server.log").write_text(line("10 - 11:00:00"))
    assert figures(tmp_path)["requests_1d"] == 1
