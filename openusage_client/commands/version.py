"""`openusage version`: the client's version and, when one runs, the daemon's."""

from __future__ import annotations

import argparse
import json
from importlib import metadata

from openusage_client.arguments import add_connection_flags, add_json_flag
from openusage_client.errors import ClientError
from openusage_client.rpc import Connection
from openusage_proto import methods
from openusage_proto.errors import RpcError


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    add_json_flag(parser)
    add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Print the versions; a daemon that does not run is no failure."""
    daemon = _daemon()
    if options.json:
        answer = {
            "version": client_version(),
            "protocol": methods.PROTOCOL_VERSION,
            "daemon": daemon,
        }
        print(json.dumps(answer, indent=2))
        return 0
    print(f"openusage {client_version()} (protocol {methods.PROTOCOL_VERSION})")
    if daemon is None:
        print("openusaged is not running")
    else:
        print(f"openusaged {daemon['version']} (protocol {daemon['protocol']})")
    return 0


def client_version() -> str:
    """The installed distribution's version; `unknown` when run from a bare source tree."""
    try:
        return metadata.version("openusage")
    except metadata.PackageNotFoundError:
        return "unknown"


def _daemon() -> dict[str, object] | None:
    try:
        with Connection(timeout_s=2.0) as connection:
            status = connection.call(methods.STATUS)
    except (ClientError, RpcError):
        return None
    return {"version": status.get("version"), "protocol": status.get("protocol")}
