"""Clients in Go, Node and shell, written from the specification alone, against a real daemon."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon, running_daemon

HERE = Path(__file__).resolve().parent
UNAVAILABLE = 69

Client = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def daemon(isolated_home: str) -> Iterator[Daemon]:
    """A daemon in an empty home."""
    with running_daemon() as running:
        yield running


@pytest.fixture(scope="session")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Go client, compiled once."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("the Go toolchain is not installed")
    directory = tmp_path_factory.mktemp("go")
    binary = directory / "client"
    env = {
        **os.environ,
        "HOME": str(directory),
        # kept between runs: building Go's network library takes a minute, once
        "GOCACHE": os.path.join(tempfile.gettempdir(), f"openusage-tests-go-{os.getuid()}"),
        "GOFLAGS": "-mod=mod",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }
    done = subprocess.run(
        [go, "build", "-o", binary, HERE / "client.go"],
        env=env,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return str(binary)


def run_client(command: list[str], method: str, params: Any = None) -> Any:
    """Run a client program and decode the one line it printed."""
    arguments = [method] if params is None else [method, json.dumps(params)]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode == UNAVAILABLE:
        pytest.skip(done.stderr.strip())
    assert done.stdout.count("\n") == 1, done
    return json.loads(done.stdout)


def converse(command: list[str], daemon: Daemon, name: str) -> None:
    """status, two deliveries of one turn, read_model, and a mistake."""
    assert run_client(command, "status")["result"]["pid"] == daemon.pid
    turn = {
        "message_id": f"m-{name}",
        "occurred_at": "2026-03-01T12:00:00Z",
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "input_tokens": 100,
        "output_tokens": 11,
        "cwd": "/home/me/pröject ☂",
    }
    event = {"source": f"{name}_tool", "turn": turn}
    first = run_client(command, "ingest_turn", event)["result"]
    second = run_client(command, "ingest_turn", event)["result"]
    assert (first["accepted"], first["deduplicated"]) == (1, 0)
    assert (second["accepted"], second["deduplicated"]) == (0, 1)
    model = run_client(command, "read_model", {"window": "all"})["result"]
    sources = {row["source"]: row["totals"]["total_tokens"] for row in model["unmapped"]}
    assert sources[f"{name}_tool"] == 111
    error = run_client(command, "ingest_turn", {"source": "x", "turn": {"input_tokens": "1"}})
    assert error["error"]["message"] == "invalid_params"


@pytest.mark.timeout(300)
def test_go_client(daemon: Daemon, go_client: str) -> None:
    """A Go program needs nothing but its standard library."""
    converse([go_client], daemon, "go")


def test_node_client(daemon: Daemon) -> None:
    """A Node program needs nothing but its standard library."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    converse([node, str(HERE / "client.mjs")], daemon, "node")


def test_shell_client(daemon: Daemon) -> None:
    """A shell script with a line-oriented tool is a client."""
    converse(["sh", str(HERE / "client.sh")], daemon, "shell")
