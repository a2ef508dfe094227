"""Which token GitHub is asked with, and that none goes to a host it is not for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openusaged.core.errors import AuthRequired
from openusaged.core.models import Account
from openusaged.providers.base import FetchContext, Machine
from openusaged.providers.copilot.github_login import read_token

SIGNED_IN = "github.com:\n    user: someone\n    git_protocol: https\n"


def token(home: Path, *, env=None, paths=None, secret: str = "") -> str:
    context = FetchContext(
        machine=Machine(env=env or {}, home=str(home)),
        http=None,  # type: ignore[arg-type]
        now_ms=lambda: 0,
        secret_of=lambda _account: secret,
    )
    return read_token(context, Account(id="copilot", provider_id="copilot", paths=paths or {}))


def put(home: Path, name: str, text: str) -> None:
    path = home / ".config" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def program(home: Path, text: str) -> str:
    path = home / "gh"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def test_order_of_the_sources(tmp_path):
    """The user's own key, then an editor's login, then the command line's, then the environment."""
    env = {"GH_TOKEN": "env-token", "GITHUB_TOKEN": "ci-token"}
    assert token(tmp_path, env={"GITHUB_TOKEN": "ci-token"}) == "ci-token"
    assert token(tmp_path, env=env) == "env-token"
    put(tmp_path, "gh/hosts.yml", SIGNED_IN + ["    oauth_token: gh-token", " own\n"][0])
    assert token(tmp_path, env=env) == "gh-token"
    put(tmp_path, "github-copilot/hosts.json", '{"github.com": {"oauth_token": "old-editor"}}')
    assert token(tmp_path, env=env) == "old-editor"
    put(tmp_path, "github-copilot/apps.json", '{"github.com:1": {"oauth_token": "editor"}}')
    assert token(tmp_path, env=env) == "editor"
    assert token(tmp_path, env=env, secret="own") == "own"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("github-copilot/apps.json", '{"ghe.example.com:1": {"oauth_token": "ghe"}}'),
        ("github-copilot/apps.json", '{"github.com.evil.com": {"oauth_token": "ghe"}}'),
        ("github-copilot/apps.json", "{"),
        ("github-copilot/apps.json", '{"github.com:1": {"oauth_token": 5}}'),
        ("gh/hosts.yml", "ghe.example.com:\n    oauth_token: ghe\n"),
        ("gh/hosts.yml", "# nothing\n\n"),
    ],
)
def test_other_hosts_tokens_are_not_taken(tmp_path, name, text):
    """A token of an enterprise server, or of no host at all, is none for github.com."""
    put(tmp_path, name, text)
    with pytest.raises(AuthRequired, match="gh auth login"):
        token(tmp_path)


def test_tokens_of_further_users_are_not_taken(tmp_path):
    """Only the active user's token counts, which lies beside and not below `users`."""
    users = "    users:\n        other:\n            oauth_token: other-token\n"
    put(tmp_path, "gh/hosts.yml", SIGNED_IN + users + "    oauth_token: 'own-token'\n")
    assert token(tmp_path) == "own-token"


def test_moved_configuration_is_honoured(tmp_path):
    """`GH_CONFIG_DIR` moves the command line's login."""
    put(tmp_path, "elsewhere/hosts.yml", SIGNED_IN + "    oauth_token: moved\n")
    env = {"GH_CONFIG_DIR": str(tmp_path / ".config/elsewhere")}
    assert token(tmp_path, env=env) == "moved"


def test_key_ring_is_asked_through_the_command(tmp_path):
    """A login whose token is in the key ring is fetched by `gh` itself, for github.com."""
    put(tmp_path, "gh/hosts.yml", SIGNED_IN)
    path = program(tmp_path, 'test "$*" = "auth token --hostname github.com" && echo ring-token')
    assert token(tmp_path, paths={"binary": path}) == "ring-token"
    assert token(tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}) == "ring-token"


@pytest.mark.parametrize("text", ["exit 1", "echo"])
def test_command_without_an_answer_is_no_login(tmp_path, text):
    """A command that fails or says nothing leaves the user signed out."""
    path = program(tmp_path, text)
    with pytest.raises(AuthRequired):
        token(tmp_path, paths={"binary": path})


def test_missing_command_is_no_login(tmp_path):
    """Neither a named command that is gone nor one that is not on the path is an error."""
    with pytest.raises(AuthRequired):
        token(tmp_path, paths={"binary": "~/gone"})
    put(tmp_path, "gh/hosts.yml", SIGNED_IN)
    with pytest.raises(AuthRequired):
        token(tmp_path, env={"PATH": str(tmp_path / "none")})


def test_nobody_signed_in_runs_no_command(tmp_path):
    """Without a sign of a login no program is started."""
    path = program(tmp_path, f'touch "{tmp_path}/ran"; echo ring-token')
    with pytest.raises(AuthRequired):
        token(tmp_path, env={"PATH": str(Path(path).parent)})
    assert not (tmp_path / "ran").exists()


def test_login_file_of_another_shape_is_none(tmp_path):
    """A list where hosts should be holds no login."""
    put(tmp_path, "github-copilot/apps.json", json.dumps(["github.com"]))
    with pytest.raises(AuthRequired):
        token(tmp_path)
