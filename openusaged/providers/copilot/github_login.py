"""
The GitHub token to ask with: read at every call from where GitHub's own tools keep it.

Only tokens for github.com: one of an enterprise server must never be sent to another host.  Newer
versions of `gh` keep theirs in the system's key ring, from where only `gh` itself can fetch it;
it is asked as the last way, for a few seconds, and only when it says that it is signed in.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any, Final

import msgspec

from openusaged.core.errors import AuthRequired
from openusaged.core.models import Account
from openusaged.providers.base import FetchContext, Machine
from openusaged.providers.copilot import paths
from openusaged.providers.shared import places
from openusaged.providers.shared.json_values import as_object, as_text

HOST: Final = "github.com"
GH_TIMEOUT_S: Final = 5.0
MAX_FILE_BYTES: Final = 1 << 20

_VARIABLES: Final = ("GH_TOKEN", "GITHUB_TOKEN")


def read_token(context: FetchContext, account: Account) -> str:
    """
    The account's token for github.com.

    Raises:
        AuthRequired: there is none to be found.
    """
    machine = context.machine
    token = context.secret_of(account).strip()
    for path in paths.editor_logins(machine):
        token = token or _of_editor(path)
    is_signed_in = False
    if not token:
        is_signed_in, token = _of_command_line(paths.command_line_login(machine))
    for name in _VARIABLES:
        token = token or machine.env.get(name, "").strip()
    binary = account.paths.get("binary", "")
    if not token and (binary or is_signed_in):
        token = _of_key_ring(binary, machine)
    if not token:
        raise AuthRequired("GitHub is not signed in on this machine: run `gh auth login`")
    return token


def _of_editor(path: str) -> str:
    """Keys are `github.com:<app>`, in the older file `github.com`."""
    try:
        with open(path, "rb") as file:
            hosts = as_object(msgspec.json.decode(file.read(MAX_FILE_BYTES)))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ""
    tokens = (
        as_text(as_object(login).get("oauth_token"))
        for host, login in hosts.items()
        if host.partition(":")[0] == HOST
    )
    return next(filter(None, tokens), "")


def _of_command_line(path: str) -> tuple[bool, str]:
    """
    (whether `gh` is signed in to github.com, its token there).

    The file is YAML of two levels; `users:` below the host has blocks of further users' tokens,
    which are deeper than the host's own.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(MAX_FILE_BYTES).splitlines()
    except OSError:
        return False, ""
    host, depth, token, is_signed_in = "", 0, "", False
    for line in lines:
        text = line.strip()
        indent = len(line) - len(line.lstrip(" "))
        if not text or text.startswith("#"):
            continue
        if indent == 0:
            host, depth = text.rstrip(":").strip("\"'"), 0
            continue
        depth = depth or indent
        if host != HOST or indent != depth:
            continue
        is_signed_in = True
        name, _, value = text.partition(":")
        if name == "oauth_token":
            token = value.strip().strip("\"'")
    return is_signed_in, token


def _of_key_ring(binary: str, machine: Machine) -> str:
    command = (
        places.expand(binary, machine)
        if binary
        else shutil.which("gh", path=machine.env.get("PATH", os.defpath))
    )
    if not command:
        return ""
    try:
        answer: Any = subprocess.run(
            [command, "auth", "token", "--hostname", HOST],
            env={**machine.env, "HOME": machine.home, "GH_PROMPT_DISABLED": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GH_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if answer.returncode != 0:
        return ""
    return str(answer.stdout.decode("utf-8", "replace")).strip()
