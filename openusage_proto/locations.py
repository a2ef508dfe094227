"""
Where everything lives: the only module of both sides that knows directories.

Every path can be moved by an environment variable, which is how tests and demos stay away from a
real home (spec/jsonrpc.md, Finding the socket).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

MAX_SOCKET_PATH_BYTES = 103
"""`sun_path` holds 104 bytes with its NUL on macOS and 108 on Linux; the smaller one rules."""


def home(env: Mapping[str, str] | None = None) -> str:
    """The user's home directory, from HOME first."""
    env = os.environ if env is None else env
    return env.get("HOME") or os.path.expanduser("~")


def _xdg(env: Mapping[str, str] | None, name: str, *default: str) -> str:
    env = os.environ if env is None else env
    value = env.get(name, "")
    # XDG says that relative paths are to be ignored.
    return value if value.startswith("/") else os.path.join(home(env), *default)


def state_dir(env: Mapping[str, str] | None = None) -> str:
    """Database, socket, spool, logs."""
    return os.path.join(_xdg(env, "XDG_STATE_HOME", ".local", "state"), "openusage")


def config_dir(env: Mapping[str, str] | None = None) -> str:
    """settings.json, credentials.json, custom-pricing.json, themes."""
    env = os.environ if env is None else env
    override = env.get("OPENUSAGE_CONFIG_DIR", "")
    if override:
        return override
    return os.path.join(_xdg(env, "XDG_CONFIG_HOME", ".config"), "openusage")


def cache_dir(env: Mapping[str, str] | None = None) -> str:
    """Things that can be fetched or computed again."""
    return os.path.join(_xdg(env, "XDG_CACHE_HOME", ".cache"), "openusage")


def data_home(env: Mapping[str, str] | None = None) -> str:
    """XDG data directory, where other tools keep their databases."""
    return _xdg(env, "XDG_DATA_HOME", ".local", "share")


def config_home(env: Mapping[str, str] | None = None) -> str:
    """XDG configuration directory, where other tools keep their settings."""
    return _xdg(env, "XDG_CONFIG_HOME", ".config")


def socket_path(env: Mapping[str, str] | None = None) -> str:
    """
    Path of the daemon's socket.

    `$OPENUSAGE_TELEMETRY_SOCKET`, else `telemetry.sock` in the state directory, else (when that is
    longer than 103 bytes) `$XDG_RUNTIME_DIR/openusage.sock`.
    """
    env = os.environ if env is None else env
    override = env.get("OPENUSAGE_TELEMETRY_SOCKET", "")
    if override:
        return override
    path = os.path.join(state_dir(env), "telemetry.sock")
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        runtime = env.get("XDG_RUNTIME_DIR", "")
        if runtime.startswith("/"):
            return os.path.join(runtime, "openusage.sock")
    return path


def spool_dir(env: Mapping[str, str] | None = None) -> str:
    """Where hooks leave what the daemon could not take."""
    return os.path.join(state_dir(env), "telemetry-spool")


def database_path(env: Mapping[str, str] | None = None) -> str:
    """The SQLite file."""
    return os.path.join(state_dir(env), "telemetry.db")


def log_path(env: Mapping[str, str] | None = None) -> str:
    """The daemon's log file."""
    return os.path.join(state_dir(env), "openusaged.log")


def lock_path(env: Mapping[str, str] | None = None) -> str:
    """The single-instance lock; holds the daemon's process id while it runs."""
    return os.path.join(state_dir(env), "openusaged.lock")


def settings_path(env: Mapping[str, str] | None = None) -> str:
    """The user's settings."""
    return os.path.join(config_dir(env), "settings.json")


def credentials_path(env: Mapping[str, str] | None = None) -> str:
    """Keys and browser sessions that the user stored."""
    return os.path.join(config_dir(env), "credentials.json")
