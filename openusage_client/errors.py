"""
What can go wrong between a command and the daemon, and the exit code each failure has.

    ClientError          1
      ConnectionLost     1  no answer: hung up, timed out
      DaemonNotRunning   3  nothing listens on the socket
      ProtocolError      5  an answer that is not the wire's (another version, another program)
    UsageError           2  the command line itself
    RpcError             1  the daemon's own refusal (2 for a wrong name, 4 for `auth_required`)

Separate from `rpc` so that commands and decoding name failures without loading a socket.
"""

from __future__ import annotations

from typing import ClassVar, Final

from openusage_proto import errors as wire
from openusage_proto.errors import RpcError

EXIT_OK: Final = 0
EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
EXIT_NOT_RUNNING: Final = 3
EXIT_AUTH: Final = 4
EXIT_PROTOCOL: Final = 5
EXIT_INTERRUPTED: Final = 130

_RPC_EXITS: Final = {
    wire.AUTH_REQUIRED: EXIT_AUTH,
    # A daemon that does not know a method or parameter of ours is of another version.
    wire.METHOD_NOT_FOUND: EXIT_PROTOCOL,
    wire.PARSE_ERROR: EXIT_PROTOCOL,
    wire.INVALID_REQUEST: EXIT_PROTOCOL,
    wire.INVALID_PARAMS: EXIT_USAGE,
    wire.UNKNOWN_ACCOUNT: EXIT_USAGE,
}


class ClientError(Exception):
    """Base of all expected failures of the client; `str(error)` is a sentence for people."""

    exit_code: ClassVar[int] = EXIT_FAILURE


class ConnectionLost(ClientError):
    """The daemon hung up or did not answer in time; the connection is closed."""


class DaemonNotRunning(ClientError):
    """Nothing listens on the socket."""

    exit_code = EXIT_NOT_RUNNING


class ProtocolError(ClientError):
    """An answer that breaks the wire's rules."""

    exit_code = EXIT_PROTOCOL


class UsageError(ClientError):
    """A flag or argument that cannot be used; the message says what would work."""

    exit_code = EXIT_USAGE


def exit_code_of(error: ClientError | RpcError) -> int:
    """The process exit code that stands for an error."""
    if isinstance(error, RpcError):
        return _RPC_EXITS.get(error.slug, EXIT_FAILURE)
    return error.exit_code
