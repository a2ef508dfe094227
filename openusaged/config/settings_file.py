"""
`settings.json` on disk: read leniently, written atomically, and only what changed.

Other programs write this file too (the dashboard, an editor, a dotfile manager), so a write takes a
lock, reads again, patches and renames; links stay links and the mode stays what it was.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.config import atomic_file
from openusaged.config.settings import Settings, parse
from openusaged.core.errors import ConfigError

MAX_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """What the file says, what was wrong with it, and the document for a later patch."""

    path: str
    settings: Settings
    warnings: tuple[str, ...] = ()
    exists: bool = False
    usable: bool = True
    """False when there is a file that cannot be read: then `settings` are defaults that its owner
    did not choose, and nothing may be deleted on their authority (retention waits)."""


def load(path: str, env: Mapping[str, str]) -> LoadedSettings:
    """
    The settings at `path`; never raises.

    A missing file means defaults.  A file with something behind its JSON document (an editor wrote
    a shorter document over a longer one) is read up to there.
    """
    try:
        document, notes = _read(path)
    except FileNotFoundError:
        return LoadedSettings(path=path, settings=Settings())
    except ConfigError as exc:
        return LoadedSettings(
            path=path, settings=Settings(), warnings=(str(exc),), exists=True, usable=False
        )
    settings, warnings = parse(document, env)
    return LoadedSettings(path=path, settings=settings, warnings=(*notes, *warnings), exists=True)


def patch(path: str, changes: Mapping[str, Any]) -> None:
    """
    Apply a JSON merge patch (RFC 7396) to the file: objects are merged, null removes a key.

    All other keys, known to us or not, keep their values and order.  Two processes that patch at
    the same time lose nothing.

    Raises:
        ConfigError: the file cannot be read as JSON (it is left as it is) or cannot be written.
    """
    edit(path, lambda document: merge(document, changes))


def edit(path: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """
    Replace the file's document by `change(document)`, under the lock that other processes honour.

    Raises:
        ConfigError: as `patch`; `change` may raise it, too, and then nothing is written.
    """
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with atomic_file.locked(path):
            target = atomic_file.behind_links(path)
            notes: tuple[str, ...] = ()
            try:
                document, notes = _read(target)
            except FileNotFoundError:
                document = {}
            changed = change(document)
            if changed == document and not notes:
                return
            if notes:
                _keep_corrupt(target)
            _replace(target, changed)
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror or exc}") from exc


def merge(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The document with a merge patch applied; the given ones stay as they are."""
    merged = dict(document)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            inner = merged.get(key)
            merged[key] = merge(inner if isinstance(inner, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _read(path: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The document and notes about repairs; ConfigError when there is none to be had."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}; defaults are used") from exc
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes; defaults are used")
    notes: tuple[str, ...] = ()
    try:
        text = data.decode("utf-8-sig").lstrip()
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{path}: not JSON ({exc}); defaults are used") from exc
    if text[end:].strip():
        notes = (f"{path}: {len(text) - end} characters behind the JSON document are ignored",)
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: not a JSON object; defaults are used")
    return value, notes


def _keep_corrupt(path: str) -> None:
    """One copy of what is about to be repaired."""
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES)
    atomic_file.replace(path + ".corrupt", data, 0o600)


def _replace(path: str, document: Mapping[str, Any]) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    mode = 0o600
    with contextlib.suppress(FileNotFoundError):
        mode = stat.S_IMODE(os.stat(path).st_mode)
    atomic_file.replace(path, text.encode(), mode)
