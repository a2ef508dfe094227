"""
What a wire log does not say of itself: its session, its directory, its model.

The path holds the session's id below a hash of the working directory; which directory that is
stands in `kimi.json`, and the model in the configuration.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from hashlib import md5
from typing import Any, Final

import msgspec

from openusage_proto.values import dataclass
from openusaged.core.models import Account
from openusaged.providers.shared.json_values import as_list, as_object, as_text
from openusaged.providers.shared.side_records import side_bytes, side_record

DEFAULT_MODEL: Final = "kimi-for-coding"
SUBAGENT: Final = "subagent"
"""Name of a sub-agent that nothing on disk names."""
_SUBAGENTS: Final = "subagents"
_LOCAL: Final = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of one wire log."""

    session_id: str
    """`<hash>/<id>`: a session that was copied to another directory keeps its id."""
    cwd: str
    model: str
    agent: str
    """Kind of the sub-agent whose log it is; empty for the main agent."""


class _Register(msgspec.Struct, gc=False):
    work_dirs: Any = None
    session_to_workdir: Any = None


class _AgentMeta(msgspec.Struct, gc=False):
    subagent_type: Any = None


class _JsonConfig(msgspec.Struct, gc=False):
    model: Any = None
    default_model: Any = None
    models: Any = None


def facts_of(path: str, root: str, home: str, account: Account) -> Facts:
    """What is known of the wire log at `path` below `root`."""
    folders = path[len(root) :].strip(os.sep).split(os.sep)[:-1]
    group, session = (folders[0], folders[1]) if len(folders) > 1 else ("", "".join(folders))
    return Facts(
        session_id=f"{group}/{session}" if group else session,
        cwd=_directory(group, session, os.path.join(home, "kimi.json")),
        model=_model(home, account.paths.get("config_path", "")),
        agent=_agent(os.path.dirname(path)) if _SUBAGENTS in folders[2:] else "",
    )


def _agent(folder: str) -> str:
    meta = side_record(os.path.join(folder, "meta.json"), _AgentMeta) or _AgentMeta()
    return as_text(meta.subagent_type) or SUBAGENT


def _directory(group: str, session: str, register: str) -> str:
    known = side_record(register, _Register) or _Register()
    named = as_text(as_object(known.session_to_workdir).get(session))
    if named:
        return named
    for entry in as_list(known.work_dirs):
        fields = as_object(entry)
        path = as_text(fields.get("path"))
        digest = md5(path.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
        machine = as_text(fields.get("kaos"))
        if group == (digest if machine in ("", _LOCAL) else f"{machine}_{digest}"):
            return path
    return ""


def _model(home: str, config_path: str) -> str:
    """The default model, by the configuration that was named, the newer format or the older."""
    for path in (config_path, os.path.join(home, "config.toml"), os.path.join(home, "config.json")):
        config = _toml(path) if path.endswith(".toml") else _json(path)
        name = as_text(config.get("default_model")) or as_text(config.get("model"))
        if name:
            # `kimi-code/kimi-for-coding` is the name of an entry, not what is asked for
            entry = as_object(as_object(config.get("models")).get(name))
            return as_text(entry.get("model")) or name.rpartition("/")[2]
    return DEFAULT_MODEL


def _toml(path: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(side_bytes(path).decode())
    except ValueError:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        return {}


def _json(path: str) -> Mapping[str, Any]:
    config = side_record(path, _JsonConfig) if path else None
    return {} if config is None else msgspec.structs.asdict(config)
