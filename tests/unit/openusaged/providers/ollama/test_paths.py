"""Finding Ollama and telling its two halves apart."""

from __future__ import annotations

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.ollama.paths import discover, host_url, is_cloud, roots


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "http://127.0.0.1:11434"),
        ("gpu-box", "http://gpu-box:11434"),
        ("gpu-box:8080", "http://gpu-box:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://0.0.0.0:11435/", "http://127.0.0.1:11435"),
        ("https://ollama.example.com", "https://ollama.example.com:443"),
        ("http://ollama.example.com/sub/", "http://ollama.example.com:80/sub"),
        ("'10.0.0.2'", "http://10.0.0.2:11434"),
        ("[::1]:1234", "http://[::1]:1234"),
        ("::1", "http://[::1]:11434"),
        ("[::]", "http://127.0.0.1:11434"),
        ("host:notaport", "http://127.0.0.1:11434"),
    ],
)
def test_host_is_read_as_the_vendor_does(text, expected):
    """Missing parts have the vendor's defaults; "everywhere" is asked on this machine."""
    assert host_url(text) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": "ollama-cloud"}, True),
        ({"id": "mine", "api_key_env": "MY_KEY"}, True),
        ({"id": "mine", "base_url": "https://ollama.com/api"}, True),
        ({"id": "mine", "options": {"cloud_base_url": "https://gw.example.com"}}, True),
        ({"id": "mine"}, False),
        ({"id": "mine", "base_url": "http://gpu-box:11434", "api_key_env": "K"}, False),
        ({"id": "ollama-local", "home": "/h", "api_key_env": "OLLAMA_API_KEY"}, False),
    ],
)
def test_account_is_of_the_cloud_or_of_a_server(fields, expected):
    """A home or a server's address means the server, a key alone the cloud."""
    assert is_cloud(Account(provider_id="ollama", **fields)) is expected


def machine(tmp_path, **env):
    return Machine(env=env, home=str(tmp_path))


def test_left_over_empty_home_is_no_account(tmp_path):
    """An empty directory is not taken for an installation."""
    (tmp_path / ".ollama").mkdir()
    assert list(discover(machine(tmp_path))) == []
    (tmp_path / ".ollama" / "id_ed25519.pub").write_text("ssh-ed25519 planted")
    (account,) = discover(machine(tmp_path))
    assert (account.id, account.paths) == ("ollama-local", {})


def test_app_without_home_is_found(tmp_path):
    """The desktop database alone makes the account, in either directory of Linux."""
    for folder in (".config", ".local/share"):
        path = tmp_path / folder / "Ollama" / "db.sqlite"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        (account,) = discover(machine(tmp_path))
        assert account.paths["database"] == str(path)


def test_further_homes_are_named_by_folder(tmp_path):
    """Every listed home is an account; the app's database belongs to the usual one only."""
    for name in ("a/.ollama", "b/.ollama", ".local/share/Ollama"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "db.sqlite").write_bytes(b"")
    one = machine(tmp_path, OPENUSAGE_OLLAMA_HOME="~/a/.ollama,~/b/.ollama")
    accounts = list(discover(one))
    assert [account.id for account in accounts] == ["ollama-local", "ollama-local:b"]
    assert accounts[0].paths["database"] == f"{tmp_path}/a/.ollama/db.sqlite"
    assert roots(one)[:2] == [f"{tmp_path}/a/.ollama", f"{tmp_path}/b/.ollama"]
