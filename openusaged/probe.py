"""Asks a running daemon one question for its own command line; loads nothing of the daemon."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

from openusage_proto.errors import RpcError
from openusage_proto.framing import MAX_LINE_BYTES

TIMEOUT_S = 5.0


class NothingAnswers(Exception):
    """Nobody listens at the socket, or what listens does not answer."""


def call(
    socket_path: str,
    method: str,
    timeout_s: float = TIMEOUT_S,
    params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """
    The result of a method.

    Raises:
        NothingAnswers: with the reason.
        RpcError: the daemon answered with an error.
    """
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout_s)
            sock.connect(socket_path)
            sock.sendall(json.dumps(request).encode() + b"\n")
            with sock.makefile("rb") as reader:
                line = reader.readline(MAX_LINE_BYTES + 1)
        answer = json.loads(line)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
        raise NothingAnswers(f"{socket_path}: {reason}") from exc
    if "error" in answer:
        error = answer["error"]
        raise RpcError(error["code"], error["message"], error.get("data"))
    result: dict[str, Any] = answer["result"]
    return result
