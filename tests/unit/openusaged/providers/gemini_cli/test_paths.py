"""Which homes of the Gemini CLI are accounts, and which files in them are chats."""

from __future__ import annotations

from hashlib import sha256

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.gemini_cli import PROVIDER, paths
from openusaged.providers.gemini_cli.projects import project_of
from tests.support.local_home import LocalHome


def found(tmp_path, **env: str) -> list[tuple[str, str, str]]:
    home = LocalHome(PROVIDER, tmp_path, **env)
    return [
        (account.id, account.home.removeprefix(str(tmp_path)), account.origin)
        for account in home.accounts()
    ]


@pytest.mark.parametrize(
    "sign", ["oauth_creds.json", "google_accounts.json", "settings.json", "tmp/x/chats/a.jsonl"]
)
def test_any_sign_makes_the_account(tmp_path, sign):
    """A login, settings or chats make an account; the directory alone does not."""
    (tmp_path / ".gemini").mkdir()
    assert found(tmp_path) == []
    LocalHome(PROVIDER, tmp_path).write(f".gemini/{sign}", {})
    assert found(tmp_path) == [("gemini-cli", "/.gemini", "default")]


def test_home_variable_replaces_the_default(tmp_path):
    """GEMINI_CLI_HOME names the directory that holds `.gemini`, or that directory itself."""
    home = LocalHome(PROVIDER, tmp_path)
    home.write(".gemini/settings.json", {})
    home.write("other/.gemini/settings.json", {})
    home.write("plain/settings.json", {})
    origin = "env:GEMINI_CLI_HOME"
    assert found(tmp_path, GEMINI_CLI_HOME=str(tmp_path / "other")) == [
        ("gemini-cli", "/other/.gemini", origin)
    ]
    assert found(tmp_path, GEMINI_CLI_HOME="~/plain") == [("gemini-cli", "/plain", origin)]


def test_data_directories_are_accounts(tmp_path):
    """GEMINI_DATA_DIR lists `tmp` directories or what holds them; each is one account."""
    home = LocalHome(
        PROVIDER, tmp_path, GEMINI_DATA_DIR="~/.gemini/tmp, ~/b/.gemini, ~/chats-c, ~/no"
    )
    home.write(".gemini/tmp/p/chats/1.jsonl", "")
    home.write("b/.gemini/tmp/p/chats/2.jsonl", "")
    home.write("chats-c/p/chats/3.jsonl", "")
    assert [(account.id, account.paths["tmp"]) for account in home.accounts()] == [
        ("gemini-cli", f"{tmp_path}/.gemini/tmp"),
        ("gemini-cli:b", f"{tmp_path}/b/.gemini/tmp"),
        ("gemini-cli:chats-c", f"{tmp_path}/chats-c"),
    ]
    assert paths.roots(home.machine)[0] == f"{tmp_path}/.gemini/tmp"


def test_configured_directories_are_looked_at_first(tmp_path):
    """An account of the settings may name its `tmp` or its whole directory."""
    machine = Machine(env={}, home=str(tmp_path))
    own = Account(id="x", provider_id="gemini_cli", paths={"tmp": "~/t"})
    assert paths.chats_root(own, machine) == f"{tmp_path}/t"
    own = Account(id="x", provider_id="gemini_cli", paths={"config_dir": "~/g"})
    assert list(paths.watch(own, machine)) == [f"{tmp_path}/g/tmp"]
    assert (
        paths.config_dir(Account(id="x", provider_id="gemini_cli"), machine)
        == f"{tmp_path}/.gemini"
    )


@pytest.mark.parametrize(
    ("path", "is_chat"),
    [
        ("p/chats/session-1.json", True),
        ("p/chats/parent/sub.jsonl", True),
        ("u/session-old.json", True),
        ("p/logs.json", False),
        ("p/chats/note.txt", False),
        ("p/backup/chats/session-1.json", False),
    ],
)
def test_changed_path_is_located_only_when_it_is_a_chat(tmp_path, path, is_chat):
    """Of the many files below `tmp` only transcripts are units."""
    home = LocalHome(PROVIDER, tmp_path)
    place = home.write(f".gemini/tmp/{path}", {})
    unit = paths.locate(home.account, str(place), home.machine)
    assert (unit is not None) == is_chat
    assert home.unit_names() == ([f".gemini/tmp/{path}"] if is_chat else [])


def test_foreign_path_is_not_located(tmp_path):
    """A file outside of `tmp` belongs to no chat."""
    home = LocalHome(PROVIDER, tmp_path)
    place = home.write(".gemini/settings.json", {})
    assert paths.locate(home.account, str(place), home.machine) is None


def test_project_by_marker_register_or_hash(tmp_path):
    """The directory comes from the marker, else from the register by short name or by hash."""
    home = LocalHome(PROVIDER, tmp_path)
    root, config = f"{tmp_path}/tmp", str(tmp_path)
    digest = sha256(b"/srv/hashed").hexdigest()
    home.write("projects.json", {"projects": {"/srv/short": "short", "/srv/hashed": "h", "/x": 3}})
    home.write("tmp/marked/.project_root", "/srv/marked\n")
    home.write("tmp/odd/.project_root", "not absolute")

    def project(folder: str) -> str:
        return project_of(f"{root}/{folder}/chats/s.jsonl", root, config)

    assert project("marked") == "/srv/marked"
    assert project("short") == "/srv/short"
    assert project(digest) == "/srv/hashed"
    assert project("odd") == project("unheard") == ""
    assert project_of(f"{root}/chats/s.jsonl", root, config) == ""
    (tmp_path / "projects.json").write_text("[]")
    assert project("short") == ""
