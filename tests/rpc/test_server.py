"""Connections, limits, order and pushes of the real server on a real socket."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import time
from typing import Any

import gevent
import pytest

from openusaged.rpc import connection as connection_module
from tests.support.daemon import Wire
from tests.support.served import Served, hub_wait, request_line, served


def ingest(ident: str, source: str = "t") -> dict[str, Any]:
    return {"source": source, "delivery_id": ident}


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
                data += request_line("ingest_turn", ingest(f"d{number}"), ident=number)
            data += request_line("stored", ident="after") + request_line("status", ident="last")
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
                request_line("ingest_turn", ingest("d"), 1)
                + request_line("status", None, 2)
                + request_line("slow", None, 3)
            )
            first = [wire.read_message(), wire.read_message()]
            server.app.pools.call_hub(server.app.release.set)
            return [*first, wire.read_message()]

        assert [answer["id"] for answer in server.talk(client)] == [1, 2, 3]

    def test_connections_do_not_wait_for_each_other(self, server: Served) -> None:
        """A slow request of one client leaves the others alone."""

        def client() -> Any:
            with Wire(server.path) as slow, Wire(server.path) as other:
                slow.send(request_line("slow"))
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
                    request_line("ingest_turn", ingest(f"d{number}", source), ident=number)
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
                        wire.send(request_line("ingest_turn", ingest(f"{turn}-{number}"), turn))
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
            wire.send(
                request_line("ingest_turn", ingest("a"), 1)
                + request_line("ingest_turn", ingest("b"), 2)
            )
            wire.sock.shutdown(socket.SHUT_WR)
            return [wire.read_line() for _ in range(3)]

        one, two, end = server.talk(client)
        assert (json.loads(one)["id"], json.loads(two)["id"], end) == (1, 2, b"")

    def test_client_that_writes_and_does_not_read_is_held_back(self, server: Served) -> None:
        """What it may have under way is bounded; once it reads, every answer is there, in order."""
        total = 20_000

        def client() -> tuple[int, list[int]]:
            with Wire(server.path, timeout_s=20.0) as wire:
                data = b"".join(request_line("ingest_turn", ingest("d"), n) for n in range(total))
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
            wire.send(request_line("stored", ident=5))
            return wire.read_message()

        answer = server.talk(client)
        assert answer["id"] == 5
        assert answer["result"] == {"count": 3}

    def test_a_client_that_hangs_up_early_disturbs_nobody(self, server: Served) -> None:
        """Leaving before a big answer was read ends that connection quietly."""

        def client() -> None:
            with Wire(server.path) as wire:
                wire.send(request_line("big"))

        server.run(client)
        hub_wait(lambda: server.server.connections == 0, "the connection to end")
        assert server.talk(lambda wire: wire.call("status"))["seq"] == 0

    def test_a_client_that_leaves_in_the_middle_of_an_answer(self, server: Served) -> None:
        """Leaving while a big answer is still being sent ends that connection quietly."""

        def client() -> None:
            with Wire(server.path) as wire:
                wire.send(request_line("big"))
                wire.sock.recv(1)

        server.run(client)
        hub_wait(lambda: server.server.connections == 0, "the connection to end")
        assert server.talk(lambda wire: wire.call("status"))["seq"] == 0

    def test_events_of_clients_that_do_not_wait_are_stored(self, server: Served) -> None:
        """Who sends an event and hangs up has still delivered it."""

        def client() -> None:
            for number in range(20):
                with Wire(server.path) as wire:
                    wire.send(request_line("ingest_turn", ingest(f"d{number}")))

        server.run(client)
        hub_wait(lambda: len(server.app.stored) == 20, "the events")
        hub_wait(lambda: server.server.connections == 0, "the connections to end")

    def test_an_unread_answer_does_not_delay_the_end(self, isolated_home: str) -> None:
        """A client that left its answer unread cannot hold up a stop."""
        with served(isolated_home) as running, socket.socket(socket.AF_UNIX) as silent:
            silent.connect(running.path)
            silent.sendall(request_line("big") + request_line("big"))
            hub_wait(lambda: select.select([silent], [], [], 0)[0], "the beginning of the answer")
            running.server.stop(timeout_s=0.05)
            assert running.server.connections == 0

    def test_stop_answers_what_is_under_way(self, isolated_home: str) -> None:
        """Stopping the server lets a request that has begun finish."""
        with served(isolated_home) as running:
            worker = gevent.spawn(running.talk, lambda wire: wire.request("slow"))
            hub_wait(lambda: running.app.release.linkcount() == 1, "the request to begin")
            gevent.spawn_later(0.05, running.app.release.set)
            running.server.stop(timeout_s=5.0)
            assert worker.get(timeout=5)["result"] == {"count": 0}


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
            silent.sendall(request_line("subscribe"))
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
