"""
`credentials.json`: API keys a user typed in and browser sessions a user connected; nothing else.

The only place of ours that ever holds a secret.  0600 from the first moment in a directory of 0700,
replaced atomically under a lock between processes; what cannot be read is put aside, never lost.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from openusaged.config import atomic_file
from openusaged.core.errors import ConfigError

log = logging.getLogger(__name__)

MAX_BYTES: Final = 1 << 20
MODE: Final = 0o600


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One browser cookie; times are ISO 8601 in UTC, `expires_at` empty for a session cookie."""

    domain: str
    cookie_name: str
    value: str
    source_browser: str = ""
    captured_at: str = ""
    expires_at: str = ""

    def __repr__(self) -> str:
        """Without the value: a traceback must not hold it."""
        return f"Session(domain={self.domain!r}, cookie_name={self.cookie_name!r})"

    def expired(self, now_ms: int) -> bool:
        """Whether its time is over; one that cannot be read does not end."""
        try:
            ends = datetime.fromisoformat(self.expires_at).timestamp()
        except ValueError:
            return False
        return ends * 1000 <= now_ms


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What the file holds, by account id."""

    keys: Mapping[str, str] = {}
    sessions: Mapping[str, Session] = {}

    def __repr__(self) -> str:
        """Names only."""
        return f"Credentials(keys={sorted(self.keys)}, sessions={sorted(self.sessions)})"


NOTHING: Final = Credentials()


class CredentialsFile:
    """
    The file at `path`; safe to use from several threads and processes.

    `read` looks at the file's stamp and parses again only when it has changed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._known: tuple[tuple[int, ...] | None, Credentials] = (None, NOTHING)
        self.warning = ""
        """Why the file could not be used the last time, for people."""

    def read(self) -> Credentials:
        """What is stored now; a file that cannot be used holds nothing and is a warning."""
        stamp = _stamp(self.path)
        known_stamp, known = self._known
        if stamp is not None and stamp == known_stamp:
            return known
        self.warning = ""
        try:
            read = _parse(_bytes(self.path), self.path)
        except FileNotFoundError:
            read = NOTHING
        except ConfigError as error:
            self.warning = str(error)
            log.warning("event=credentials_unusable path=%s", self.path)
            read = NOTHING
        self._known = (stamp, read)
        return read

    def set_key(self, account_id: str, key: str) -> None:
        """
        Store an API key.

        Raises:
            ConfigError: a blank id or key, or the file cannot be written.
        """
        account_id, key = account_id.strip(), key.strip()
        if not account_id or not key:
            raise ConfigError("an account id and a key are needed")
        self._change("keys", lambda items: {**items, account_id: key})

    def set_session(self, account_id: str, session: Session) -> None:
        """
        Store a browser session.

        Raises:
            ConfigError: something of it is missing, or the file cannot be written.
        """
        account_id = account_id.strip()
        if not all((account_id, session.value, session.domain, session.cookie_name)):
            raise ConfigError("a session needs an account, a domain, a cookie name and its value")
        fields = {name: value for name, value in msgspec.structs.asdict(session).items() if value}
        self._change("sessions", lambda items: {**items, account_id: fields})

    def delete(self, account_id: str) -> bool:
        """
        Forget key and session of exactly this id; whether there was one.

        Raises:
            ConfigError: the file cannot be read or written (what cannot be read is left alone).
        """
        known = self.read()
        if self.warning:
            raise ConfigError(self.warning)
        if account_id not in known.keys and account_id not in known.sessions:
            return False
        self._change("keys", lambda items: _without(items, account_id))
        self._change("sessions", lambda items: _without(items, account_id))
        return True

    def _change(self, part: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        try:
            directory = os.path.dirname(self.path)
            os.makedirs(directory, mode=0o700, exist_ok=True)
            with atomic_file.locked(self.path):
                target = atomic_file.behind_links(self.path)
                document = self._document(target)
                items = document.get(part)
                document[part] = change(items if isinstance(items, dict) else {})
                if not document[part]:
                    del document[part]
                data = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
                atomic_file.replace(target, data, MODE)
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror or error}") from error

    def _document(self, target: str) -> dict[str, Any]:
        """The whole document, keys we do not know included; a corrupt one is put aside first."""
        try:
            data = _bytes(target)
        except FileNotFoundError:
            return {}
        try:
            document = msgspec.json.decode(data)
            if isinstance(document, dict):
                return _trimmed(document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        aside = f"{target}.corrupt"
        atomic_file.replace(aside, data, MODE)
        log.error("event=credentials_corrupt kept=%s", aside)
        return {}


def _stamp(path: str) -> tuple[int, ...] | None:
    try:
        info = os.stat(path)
    except OSError:
        return None
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            info = os.fstat(file.fileno())
            if stat.S_IMODE(info.st_mode) & 0o077:
                # somebody restored it from a backup, or copied it: close it again
                os.fchmod(file.fileno(), MODE)
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes")
    return data


def _parse(data: bytes, path: str) -> Credentials:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # the decoder's own words could repeat what stands in the file
        raise ConfigError(f"{path}: not JSON; no stored key is used") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: not a JSON object; no stored key is used")
    document = _trimmed(document)
    keys = {
        name: value.strip()
        for name, value in document.get("keys", {}).items()
        if isinstance(value, str) and value.strip()
    }
    sessions = {}
    for name, value in document.get("sessions", {}).items():
        try:
            sessions[name] = msgspec.convert(value, Session)
        except msgspec.ValidationError:
            log.warning("event=session_unusable account=%s", name)
    return Credentials(keys=keys, sessions=sessions)


def _trimmed(document: dict[str, Any]) -> dict[str, Any]:
    """Ids without surrounding blanks; an exact one beats one that needed trimming."""
    out = dict(document)
    for part in ("keys", "sessions"):
        items = document.get(part)
        if not isinstance(items, dict):
            out.pop(part, None)
            continue
        trimmed = {name.strip(): value for name, value in items.items() if name.strip()}
        exact = {name: value for name, value in items.items() if name and name == name.strip()}
        out[part] = {**trimmed, **exact}
    return out


def _without(items: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in items.items() if key != name}
