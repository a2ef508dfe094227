"""
Which directory a chat was about: its folder below `tmp` is a hash or a short name of it.

Newer versions write the directory into `.project_root` beside the chats and keep a register of
short names; older ones name the folder by the SHA-256 of the path, which only the register undoes.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Any

import msgspec

from openusaged.providers.gemini_cli.paths import CHATS
from openusaged.providers.shared.json_values import as_object, as_text
from openusaged.providers.shared.side_records import side_bytes, side_record

_MAX_PATH_BYTES = 4096


class _Register(msgspec.Struct, gc=False):
    projects: Any = None


def project_of(transcript: str, root: str, config_dir: str) -> str:
    """The working directory of the chat at `transcript` below `root`, empty when nothing tells."""
    folder = transcript[len(root) :].lstrip(os.sep).partition(os.sep)[0]
    if folder in ("", CHATS):
        return ""
    marker = side_bytes(os.path.join(root, folder, ".project_root"), _MAX_PATH_BYTES)
    written = marker.decode("utf-8", "replace").strip()
    if os.path.isabs(written):
        return written
    register = side_record(os.path.join(config_dir, "projects.json"), _Register) or _Register()
    for path, name in as_object(register.projects).items():
        if as_text(name) == folder or sha256(path.encode("utf-8", "replace")).hexdigest() == folder:
            return str(path)
    return ""
