"""What the server bounds: lines, connections, idle peers, descriptors and who may connect."""

from __future__ import annotations

import json
import os
import resource
import socket
import stat
import struct
import subprocess
import sys
from typing import Any

import gevent
import pytest

from openusaged.rpc import server as server_module
from openusaged.rpc.server import peer_uid
from tests.support.daemon import Wire
from tests.support.served import Served, hub_wait, request_line, served
from tests.support.waiting import wait_until


class TestLimits:
    def test_too_long_line_is_refused_and_closed(self, isolated_home: str) -> None:
        """Requests before it are answered, then the error, then the end of the connection."""
        with served(isolated_home, max_line_bytes=1000) as running:

            def client(wire: Wire) -> Any:
                wire.send(request_line("status", ident=7) + b"x" * 5000)
                return [wire.read_message(), wire.read_message(), wire.read_line()]

            answer, error, end = running.talk(client)
        assert answer["id"] == 7
        assert error["error"]["message"] == "line_too_long"
        assert error["id"] is None
        assert end == b""

    def test_64_mib_line_is_answered_before_the_end(self, server: Served) -> None:
        """Even a client that sends far too much gets to read why."""

        def client(wire: Wire) -> Any:
            block = b"a" * (1 << 20)
            try:
                for _ in range(64):
                    wire.send(block)
            except OSError:
                pass
            return wire.read_message()

        assert server.talk(client)["error"]["message"] == "line_too_long"
        assert server.talk(lambda wire: wire.call("status"))["seq"] == 0

    def test_too_many_connections(self, isolated_home: str) -> None:
        """The first beyond the limit is told so and closed; the others go on."""
        with served(isolated_home, max_connections=2) as running:

            def client() -> Any:
                with Wire(running.path) as one, Wire(running.path) as two:
                    one.call("status")
                    two.call("status")
                    with Wire(running.path) as three:
                        refused = three.read_message(), three.read_line()
                    one.call("status")
                return refused, wait_until(room_again, what="room for a connection")

            def room_again() -> Any:
                with Wire(running.path) as wire:
                    return wire.request("status").get("result")

            (error, end), again = running.run(client)
        assert error["error"]["message"] == "too_many_connections"
        assert end == b""
        assert again == {"seq": 0, "subscribed": False}

    def test_idle_connection_is_closed_but_not_a_subscribed_one(self, isolated_home: str) -> None:
        """Silence ends a connection, unless it waits for pushes."""
        with served(isolated_home, idle_s=0.15) as running:

            def client() -> Any:
                with Wire(running.path) as idle, Wire(running.path) as subscribed:
                    subscribed.call("subscribe")
                    end = idle.read_line()
                    return end, subscribed.call("status")

            end, answer = running.run(client)
        assert end == b""
        assert answer == {"seq": 0, "subscribed": False}

    def test_peer_that_never_reads_is_hung_up_on(self, isolated_home: str) -> None:
        """An answer nobody fetches does not hold its connection for ever."""
        with served(isolated_home, idle_s=0.15) as running:
            silent = socket.socket(socket.AF_UNIX)
            with silent:
                silent.connect(running.path)
                silent.sendall(request_line("big"))
                hub_wait(lambda: running.server.connections == 1, "the connection")
                hub_wait(lambda: running.server.connections == 0, "the end of the connection")

    def test_slow_request_is_not_idle(self, isolated_home: str) -> None:
        """A request that takes longer than the idle time is still answered."""
        with served(isolated_home, idle_s=0.1) as running:
            gevent.spawn_later(0.5, running.app.release.set)
            assert running.talk(lambda wire: wire.call("slow")) == {"count": 0}

    def test_running_out_of_descriptors_delays_new_clients_only(
        self, server: Served, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A connection that cannot be accepted now is accepted when there is room again."""
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)

        def client() -> Any:
            with Wire(server.path) as open_before, socket.socket(socket.AF_UNIX) as late:
                open_before.call("status")
                late.settimeout(10)
                with open(os.devnull, "rb") as probe:
                    lowest_free = probe.fileno()
                resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
                try:
                    late.connect(server.path)
                    wait_until(lambda: "accept_paused" in caplog.text, what="the pause")
                    served_meanwhile = open_before.call("status")
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                late.sendall(request_line("status", ident=8))
                return served_meanwhile, json.loads(late.recv(4096))["id"]

        assert server.run(client) == ({"seq": 0, "subscribed": False}, 8)

    def test_other_users_are_refused(self, isolated_home: str) -> None:
        """The kernel's word about the peer decides, not the rights of a file."""
        with served(isolated_home, allowed_uid=os.geteuid() + 1) as running:
            error, end = running.talk(lambda wire: (wire.read_message(), wire.read_line()))
        assert error["error"]["message"] == "permission_denied"
        assert end == b""

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
    def test_process_of_another_user_is_refused(self, isolated_home: str) -> None:
        """A real process of a real other user gets the documented error."""
        with served(isolated_home) as running:
            os.chmod(running.path, 0o666)
            directory = isolated_home
            while directory != "/tmp" and len(directory) > 1:
                os.chmod(directory, stat.S_IMODE(os.stat(directory).st_mode) | 0o111)
                directory = os.path.dirname(directory)
            code = (
                "import os,socket,sys; s=socket.socket(socket.AF_UNIX); os.setuid(65534);"
                "s.connect(sys.argv[1]); print(s.makefile().readline())"
            )
            done = running.run(
                lambda: subprocess.run(
                    [sys.executable, "-S", "-c", code, running.path],
                    capture_output=True,
                    text=True,
                    timeout=20,
                    check=False,
                    cwd="/",
                )
            )
        assert json.loads(done.stdout)["error"]["message"] == "permission_denied", done.stderr

    def test_peer_uid_of_an_own_connection(self) -> None:
        """The peer of a socket pair is this process's user."""
        left, right = socket.socketpair()
        with left, right:
            assert peer_uid(left) == os.geteuid()

    def test_peer_uid_on_macos_reads_xucred(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The structure of LOCAL_PEERCRED is understood, an unknown version is not guessed at."""

        class Mac:
            def __init__(self, version: int) -> None:
                self.version = version

            def getsockopt(self, level: int, option: int, size: int) -> bytes:
                assert (level, option) == (0, 1)
                return struct.pack("=IIh", self.version, 501, 1).ljust(size, b"\0")

        monkeypatch.setattr(server_module.sys, "platform", "darwin")
        assert peer_uid(Mac(0)) == 501
        with pytest.raises(OSError, match="version 7"):
            peer_uid(Mac(7))
