"""Waiting for the first import."""

from __future__ import annotations

import io
import sys

import pytest

from openusage_client.errors import ProtocolError
from openusage_client.first_import import checked_status, ready_status
from openusage_client.rpc import Connection
from tests.support import wire_samples
from tests.support.scripted_peer import ScriptedPeer


class Screen(io.StringIO):
    """stderr as a terminal."""

    def isatty(self) -> bool:
        return True


def test_finished_import_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """One question is enough when there is nothing to wait for."""
    with ScriptedPeer(wire_samples.answers()) as peer, Connection() as connection:
        assert ready_status(connection)["pid"] == 4242
    assert len(peer.requests) == 1
    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_and_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal sees the share of bytes rise on one line, and nothing of it at the end."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    states = [
        wire_samples.importing(0, 0),
        wire_samples.importing(50 << 20, 200 << 20),
        wire_samples.importing(200 << 20, 200 << 20),
        wire_samples.status(),
    ]
    with (
        ScriptedPeer(wire_samples.answers(status=states)) as peer,
        Connection() as connection,
    ):
        assert not ready_status(connection)["importing"]["active"]
    assert len(peer.requests) == 4
    lines = screen.getvalue().split("\r")
    assert [line.rstrip() for line in lines] == [
        "",
        "Looking for usage records ...",
        "Importing history: 25% of 200.0 MiB",
        "Importing history: 99% of 200.0 MiB",
        "",
        "",
    ]
    widest = max(map(len, lines))
    assert len(lines[-2]) == widest


def test_pipe_sees_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """A log file is not filled with progress."""
    states = [wire_samples.importing(1, 2), wire_samples.status()]
    with ScriptedPeer(wire_samples.answers(status=states)), Connection() as connection:
        ready_status(connection)
    assert capsys.readouterr() == ("", "")


def test_bound_passes_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers that are not complete say so on stderr; stdout stays pure."""
    with (
        ScriptedPeer(wire_samples.answers(status=wire_samples.importing(1, 4))),
        Connection() as connection,
    ):
        assert ready_status(connection, wait_s=0.06)["importing"]["active"]
    out, err = capsys.readouterr()
    assert out == ""
    assert "still running (25% read)" in err


@pytest.mark.parametrize("answer", [{}, {"importing": None, "protocol": 1}])
def test_malformed_status_is_a_protocol_error(answer: dict[str, object]) -> None:
    """Another program at the socket is not taken for the daemon."""
    with (
        ScriptedPeer({"status": answer}),
        Connection() as connection,
        pytest.raises(ProtocolError, match="malformed"),
    ):
        checked_status(connection)
