"""The connection against a peer that speaks the wire."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from openusage_client.rpc import (
    Connection,
    ConnectionLost,
    DaemonNotRunning,
    ProtocolError,
    RpcError,
)
from openusage_proto.framing import MAX_LINE_BYTES
from tests.support.scripted_peer import Hangup, Refusal, ScriptedPeer, Silence
from tests.support.waiting import wait_until


def test_call_sends_named_params_and_returns_the_result() -> None:
    """A call reaches the method with the parameters that are not None."""
    with ScriptedPeer({"echo": lambda params: {"got": params}}) as peer, Connection() as connection:
        assert connection.call("echo", a=1, b=None, c="ü") == {"got": {"a": 1, "c": "ü"}}
        assert connection.call("echo") == {"got": {}}
    assert [item["jsonrpc"] for item in peer.requests] == ["2.0", "2.0"]
    assert "params" not in peer.requests[1]


def test_error_answer_is_typed_and_leaves_the_connection_usable() -> None:
    """A refusal carries code, slug and data; the next call works."""
    answers = {"no": Refusal(1010, "unknown_account", {"detail": "who?"}), "yes": {}}
    with ScriptedPeer(answers), Connection() as connection:
        with pytest.raises(RpcError) as caught:
            connection.call("no")
        assert (caught.value.code, caught.value.slug) == (1010, "unknown_account")
        assert caught.value.detail == "who?"
        assert connection.call("yes") == {}


def test_push_between_question_and_answer_is_queued() -> None:
    """A notification that arrives before an answer is neither lost nor taken for it."""
    push = b'{"jsonrpc":"2.0","method":"read_model_changed","params":{"seq":7}}\n'
    answer = b'{"jsonrpc":"2.0","id":1,"result":{"ok":true}}\n'
    with ScriptedPeer({"m": push + answer}), Connection() as connection:
        assert connection.call("m") == {"ok": True}
        note = connection.next_notification(0)
        assert note is not None
        assert (note.method, note.params) == ("read_model_changed", {"seq": 7})
        assert connection.next_notification(0) is None


def test_notifications_end_when_the_daemon_goes() -> None:
    """Pushes come in order; a hang-up ends them."""
    with ScriptedPeer({"hello": {}}) as peer, Connection() as connection:
        connection.call("hello")
        peer.push("read_model_changed", seq=1)
        peer.send(b'{"jsonrpc":"2.0","method":"later"}\n')
        stream = connection.notifications()
        assert next(stream).params == {"seq": 1}
        assert next(stream) == ("later", {})
        peer.close()
        with pytest.raises(ConnectionLost):
            next(stream)
        assert connection.closed


def test_waiting_for_a_push_keeps_half_a_line() -> None:
    """A time-out in the middle of a message does not lose it."""
    with ScriptedPeer({"hello": {}}) as peer, Connection() as connection:
        connection.call("hello")
        peer.send(b'{"jsonrpc":"2.0","method":"pu')
        assert connection.next_notification(0.05) is None
        peer.send(b'sh","params":{"seq":2}}\n')
        note = connection.next_notification(5)
        assert note is not None
        assert note.params == {"seq": 2}


def test_timeout_closes_the_connection() -> None:
    """After a time-out a late answer cannot be read as the next one's."""
    with ScriptedPeer({"slow": Silence()}), Connection(timeout_s=0.05) as connection:
        with pytest.raises(ConnectionLost, match=r"within 0\.05 s"):
            connection.call("slow")
        assert connection.closed
        assert connection.fileno() == -1
        with pytest.raises(ConnectionLost, match="closed"):
            connection.call("slow")


def test_hangup_is_connection_lost() -> None:
    """A daemon that dies while asked is told apart from one that refuses."""
    with (
        ScriptedPeer({"die": Hangup()}),
        Connection() as connection,
        pytest.raises(ConnectionLost, match="hung up"),
    ):
        connection.call("die")


def test_send_after_the_peer_went_is_connection_lost() -> None:
    """Writing to a dead daemon is the same loss as reading from it."""
    with ScriptedPeer({"hello": {}}) as peer, Connection() as connection:
        connection.call("hello")
        peer.close()

        def fails() -> bool:
            try:
                connection.call("hello", filler="x" * 100_000)
            except ConnectionLost:
                return True
            return False

        wait_until(fails, what="the loss is noticed")
        assert connection.closed


@pytest.mark.parametrize(
    "answer",
    [
        b"not json\n",
        b"[1]\n",
        b'{"jsonrpc":"2.0","id":99,"result":{}}\n',
        b'{"jsonrpc":"2.0","id":1}\n',
        b'{"jsonrpc":"2.0","id":1,"error":{"message":"x"}}\n',
        b'{"jsonrpc":"2.0","id":1,"error":7}\n',
        b'{"jsonrpc":"2.0","id":99,"error":{"code":1,"message":"x"}}\n',
        b"[" * 200_000 + b"\n",
    ],
    ids=["text", "list", "other-id", "empty", "no-code", "no-object", "other-error", "deep"],
)
def test_malformed_answer_is_a_protocol_error(answer: bytes) -> None:
    """Whatever is not the wire's closes the connection with a protocol error."""
    with ScriptedPeer({"m": answer}), Connection() as connection:
        with pytest.raises(ProtocolError):
            connection.call("m")
        assert connection.closed


def test_error_without_id_closes() -> None:
    """An error that the daemon could not attribute is ours, and the last of its connection."""
    answer = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse_error"}}\n'
    with ScriptedPeer({"m": answer}), Connection() as connection:
        with pytest.raises(RpcError, match="parse_error"):
            connection.call("m")
        assert connection.closed


def test_line_beyond_the_limit_is_refused() -> None:
    """A daemon cannot make the client buffer without bound."""
    with (
        ScriptedPeer({"m": b"x" * (MAX_LINE_BYTES + 2)}),
        Connection() as connection,
        pytest.raises(ProtocolError, match="longer than"),
    ):
        connection.call("m")


def test_unasked_answer_is_a_protocol_error() -> None:
    """An answer while nobody asked breaks the wire's rules."""
    with ScriptedPeer({"hello": {}}) as peer, Connection() as connection:
        connection.call("hello")
        peer.send(b'{"jsonrpc":"2.0","id":5,"result":{}}\n')
        with pytest.raises(ProtocolError):
            connection.next_notification(5)


def test_nobody_there_is_not_running(tmp_path: Path) -> None:
    """No file, a stale socket file and a missing directory all mean that no daemon runs."""
    stale = str(tmp_path / "stale.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(stale)
    for path in (stale, str(tmp_path / "none.sock"), str(tmp_path / "no" / "dir.sock")):
        with pytest.raises(DaemonNotRunning, match="no daemon answers"):
            Connection(path)


def test_path_too_long_is_not_mistaken_for_absence(tmp_path: Path) -> None:
    """A path that no socket can have is said as such, not answered by starting a daemon."""
    with pytest.raises(ConnectionLost, match="cannot reach"):
        Connection(os.path.join(str(tmp_path), "x" * 120))
