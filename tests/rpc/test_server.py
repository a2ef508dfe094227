"""Connections, limits, order and pushes of the real server on a real socket."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from typing import Any

import gevent
import pytest

from openusaged.rpc import connection as connection_module
from openusaged.rpc import server as server_module
from openusaged.rpc.server import peer_uid
from tests.support.daemon import Wire
from tests.support.served import Served, served
from tests.support.waiting import wait_until


def hub_wait(predicate: Any, what: str) -> None:
    """Like wait_until, but lets the hub run."""
    with gevent.Timeout(10, AssertionError(f"not in time: {what}")):
        while not predicate():
            gevent.sleep(0.005)


def ingest(ident: str, source: str = "t") -> dict[str, Any]:
    return {"source": source, "delivery_id": ident}


def line(method: str, params: dict[str, Any] | None = None, ident: Any = 1) -> bytes:
    message = {"jsonrpc": "2.0", "id": ident, "method": method}
    if params is not None:
        message["params"] = params
    return json.dumps(message).encode() + b"\n"


class TestConversation:
    def test_many_requests_over_one_connection(self, server: Served) -> None:
        """A connection carries any number of requests."""

        def client(wire: Wire) -> list[int]:
            for number in range(20):
                wire.call("ingest_turn", **ingest(f"d{number}"))
            return [wire.call("status")["seq"] for _ in range(3)]

        assert server.talk(client) == [20, 20, 20]

    def test_pipelined_requests_are_answered_in_order(self, server: Served) -> None:
        """Ingests that arrived together share commits; answers keep the order of the requests."""

        def client(wire: Wire) -> list[Any]:
            data = b""
            for number in range(60):
                data += line("ingest_turn", ingest(f"d{number}"), ident=number)
            data += line("stored", ident="after") + line("status", ident="last")
            wire.send(data)
            return [wire.read_message() for _ in range(62)]

        answers = server.talk(client)
        assert [answer["id"] for answer in answers] == [*range(60), "after", "last"]
        assert [answer["result"]["seq"] for answer in answers[:60]] == list(range(1, 61))
        assert answers[60]["result"] == {"count": 60}
        assert len(server.app.groups) < 30

    def test_an_answer_is_not_held_back_by_a_later_slow_request(self, server: Served) -> None:
        """What is known is sent, also when the same packet asked for something slow."""

        def client(wire: Wire) -> Any:
            wire.send(
                line("ingest_turn", ingest("d"), 1)
                + line("status", None, 2)
                + line("slow", None, 3)
            )
            first = [wire.read_message(), wire.read_message()]
            server.app.pools.call_hub(server.app.release.set)
            return [*first, wire.read_message()]

        assert [answer["id"] for answer in server.talk(client)] == [1, 2, 3]

    def test_connections_do_not_wait_for_each_other(self, server: Served) -> None:
        """A slow request of one client leaves the others alone."""

        def client() -> Any:
            with Wire(server.path) as slow, Wire(server.path) as other:
                slow.send(line("slow"))
                answer = other.call("status")
                server.app.pools.call_hub(server.app.release.set)
                return answer, slow.read_message()["result"]

        assert server.run(client) == ({"seq": 0, "subscribed": False}, {"count": 0})

    def test_every_kind_of_outcome_keeps_its_place(self, server: Served) -> None:
        """Refused at once, failed in the commit, committed: answers come in the requests' order."""

        def client(wire: Wire) -> list[Any]:
            sources = ["t", "invalid", "broken", "invalid", "t"]
            wire.send(
                b"".join(
                    line("ingest_turn", ingest(f"d{number}", source), ident=number)
                    for number, source in enumerate(sources)
                )
            )
            return [wire.read_message() for _ in sources]

        answers = server.talk(client)
        assert [answer["id"] for answer in answers] == [0, 1, 2, 3, 4]
        slugs = [answer.get("error", {}).get("message") for answer in answers]
        assert slugs == [None, "invalid_event", "storage_failed", "invalid_event", None]

    def test_refusals_do_not_wait_for_a_commit(self, server: Served) -> None:
        """A single bad event is answered although nothing is committed."""
        answer = server.talk(lambda wire: wire.request("ingest_turn", ingest("d", "invalid")))
        assert answer["error"]["message"] == "invalid_event"
        assert server.app.groups == []

    def test_connections_share_commits(self, server: Served) -> None:
        """Events that arrive together are one transaction, whoever sent them."""

        def client() -> list[int]:
            with contextlib.ExitStack() as stack:
                wires = [stack.enter_context(Wire(server.path)) for _ in range(30)]
                for turn in range(10):
                    for number, wire in enumerate(wires):
                        wire.send(line("ingest_turn", ingest(f"{turn}-{number}"), turn))
                    for wire in wires:
                        answer = wire.read_message()
                        assert (answer["id"], answer["result"]["accepted"]) == (turn, 1)
                return server.app.groups

        groups = server.run(client)
        assert sum(groups) == 300
        assert len(groups) < 150
        assert len(set(server.app.stored)) == 300

    def test_half_closed_client_gets_its_answers(self, server: Served) -> None:
        """`printf ... | nc -U` sends, says that it is done, and reads."""

        def client(wire: Wire) -> list[bytes]:
            wire.send(line("ingest_turn", ingest("a"), 1) + line("ingest_turn", ingest("b"), 2))
            wire.sock.shutdown(socket.SHUT_WR)
            return [wire.read_line() for _ in range(3)]

        one, two, end = server.talk(client)
        assert (json.loads(one)["id"], json.loads(two)["id"], end) == (1, 2, b"")

    def test_client_that_writes_and_does_not_read_is_held_back(self, server: Served) -> None:
        """What it may have under way is bounded; once it reads, every answer is there, in order."""
        total = 20_000

        def client() -> tuple[int, list[int]]:
            with Wire(server.path, timeout_s=20.0) as wire:
                data = b"".join(line("ingest_turn", ingest("d"), n) for n in range(total))
                wire.sock.setblocking(False)
                sent = 0
                deadline = time.monotonic() + 20
                while time.monotonic() < deadline:
                    if not select.select([], [wire.sock], [], 0.3)[1]:
                        break
                    sent += wire.sock.send(data[sent : sent + 65536])
                held = len(server.app.stored)
                wire.sock.settimeout(20.0)
                writer = threading.Thread(target=wire.sock.sendall, args=(data[sent:],))
                writer.start()
                idents = [wire.read_message()["id"] for _ in range(total)]
                writer.join()
                return held, idents

        held, idents = server.run(client)
        assert held < total // 2
        assert idents == list(range(total))
        assert len(server.app.stored) == total

    def test_notified_events_are_stored_before_the_next_read(self, server: Served) -> None:
        """Also when the question comes in a packet of its own."""

        def client(wire: Wire) -> list[int]:
            note = {"jsonrpc": "2.0", "method": "ingest_turn", "params": ingest("n")}
            counts = []
            for _ in range(10):
                wire.send(json.dumps(note).encode() + b"\n")
                counts.append(wire.call("stored")["count"])
            return counts

        assert server.talk(client) == list(range(1, 11))

    def test_notifications_are_carried_out_and_not_answered(self, server: Served) -> None:
        """A request without id gets no answer, alone or in a batch, and still happens."""

        def client(wire: Wire) -> Any:
            note = {"jsonrpc": "2.0", "method": "ingest_turn", "params": ingest("n")}
            wire.send(json.dumps(note).encode() + b"\n")
            wire.send(json.dumps([note, note]).encode() + b"\n")
            wire.send(line("stored", ident=5))
            return wire.read_message()

        answer = server.talk(client)
        assert answer["id"] == 5
        assert answer["result"] == {"count": 3}

    def test_a_client_that_hangs_up_early_disturbs_nobody(self, server: Served) -> None:
        """Leaving before a big answer was read ends that connection quietly."""

        def client() -> None:
            with Wire(server.path) as wire:
                wire.send(line("big"))

        server.run(client)
        hub_wait(lambda: server.server.connections == 0, "the connection to end")
        assert server.talk(lambda wire: wire.call("status"))["seq"] == 0

    def test_a_client_that_leaves_in_the_middle_of_an_answer(self, server: Served) -> None:
        """Leaving while a big answer is still being sent ends that connection quietly."""

        def client() -> None:
            with Wire(server.path) as wire:
                wire.send(line("big"))
                wire.sock.recv(1)

        server.run(client)
        hub_wait(lambda: server.server.connections == 0, "the connection to end")
        assert server.talk(lambda wire: wire.call("status"))["seq"] == 0

    def test_events_of_clients_that_do_not_wait_are_stored(self, server: Served) -> None:
        """Who sends an event and hangs up has still delivered it."""

        def client() -> None:
            for number in range(20):
                with Wire(server.path) as wire:
                    wire.send(line("ingest_turn", ingest(f"d{number}")))

        server.run(client)
        hub_wait(lambda: len(server.app.stored) == 20, "the events")
        hub_wait(lambda: server.server.connections == 0, "the connections to end")

    def test_an_unread_answer_does_not_delay_the_end(self, isolated_home: str) -> None:
        """A client that left its answer unread cannot hold up a stop."""
        with served(isolated_home) as running, socket.socket(socket.AF_UNIX) as silent:
            silent.connect(running.path)
            silent.sendall(line("big") + line("big"))
            hub_wait(lambda: running.server.connections == 1, "the connection")
            gevent.sleep(0.05)
            running.server.stop(timeout_s=0.05)
            assert running.server.connections == 0

    def test_stop_answers_what_is_under_way(self, isolated_home: str) -> None:
        """Stopping the server lets a request that has begun finish."""
        with served(isolated_home) as running:
            worker = gevent.spawn(running.talk, lambda wire: wire.request("slow"))
            hub_wait(lambda: running.server.connections == 1, "the connection")
            gevent.sleep(0.05)
            gevent.spawn_later(0.05, running.app.release.set)
            running.server.stop(timeout_s=5.0)
            assert worker.get(timeout=5)["result"] == {"count": 0}


class TestLimits:
    def test_too_long_line_is_refused_and_closed(self, isolated_home: str) -> None:
        """Requests before it are answered, then the error, then the end of the connection."""
        with served(isolated_home, max_line_bytes=1000) as running:

            def client(wire: Wire) -> Any:
                wire.send(line("status", ident=7) + b"x" * 5000)
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
                silent.sendall(line("big"))
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
                late.sendall(line("status", ident=8))
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


class TestSubscriptions:
    def bump(self, server: Served) -> None:
        server.app.seq += 1
        server.server.publish()

    def test_changes_are_pushed_and_coalesced(self, server: Served) -> None:
        """A burst of changes becomes two pushes: the first at once, the last with the final seq."""

        def client(wire: Wire) -> list[int]:
            assert wire.call("subscribe") == {"seq": 0, "subscribed": True}
            for _ in range(500):
                server.app.pools.call_hub(self.bump, server)
            seen: list[int] = []
            while not seen or seen[-1] != 500:
                message = wire.read_message()
                assert message["method"] == "read_model_changed"
                assert "id" not in message
                seen.append(message["params"]["seq"])
            return seen

        seen = server.talk(client)
        assert seen == sorted(seen)
        assert len(seen) < 10

    def test_after_seq_pushes_what_was_missed(self, server: Served) -> None:
        """A client that comes back is told at once that it is behind."""
        server.app.seq = 9

        def client(wire: Wire) -> Any:
            wire.call("subscribe", after_seq=4)
            return wire.notifications or [wire.read_message()]

        assert server.talk(client)[0]["params"] == {"seq": 9}

    def test_unsubscribe_ends_the_pushes(self, server: Served) -> None:
        """After unsubscribe nothing comes but answers."""

        def client(wire: Wire) -> Any:
            wire.call("subscribe")
            wire.call("subscribe")
            wire.call("unsubscribe")
            wire.call("unsubscribe")
            server.app.pools.call_hub(self.bump, server)
            wire.call("stored")
            return wire.call("status"), wire.notifications

        assert server.talk(client) == ({"seq": 1, "subscribed": False}, [])
        assert server.server.subscribers == 0

    def test_subscriber_that_does_not_read_is_dropped(
        self, server: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A full buffer costs the subscriber its connection, and nobody else a wait."""
        monkeypatch.setattr(connection_module, "PUSH_TIMEOUT_S", 0.2)
        monkeypatch.setattr(connection_module, "PUSH_INTERVAL_S", 0.0)
        silent = socket.socket(socket.AF_UNIX)
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        with silent:
            silent.connect(server.path)
            silent.sendall(line("subscribe"))
            hub_wait(lambda: server.server.subscribers == 1, "the subscription")
            with gevent.Timeout(20, AssertionError("never dropped")):
                while server.server.subscribers:
                    self.bump(server)
                    gevent.sleep(0)
            hub_wait(lambda: server.server.connections == 0, "the connection to end")
        assert server.talk(lambda wire: wire.call("status"))["seq"] > 10

    def test_gone_subscriber_is_forgotten(self, server: Served) -> None:
        """Hanging up ends a subscription."""
        server.talk(lambda wire: wire.call("subscribe"))
        hub_wait(lambda: server.server.subscribers == 0, "the subscription to end")
        self.bump(server)


class TestDiscovery:
    def test_discover_describes_the_methods_served(self, server: Served) -> None:
        """rpc.discover lists exactly what this server answers."""
        document = server.talk(lambda wire: wire.call("rpc.discover"))
        assert {entry["name"] for entry in document["methods"]} == set(server.dispatcher.methods)
