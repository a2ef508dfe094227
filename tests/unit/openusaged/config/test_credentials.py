"""credentials.json: private, atomic, nothing lost, nothing shown."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openusaged.config.credentials import CredentialsFile, Session
from openusaged.core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[4]
SESSION = Session(
    domain=".perplexity.ai",
    cookie_name="token",
    value="planted-cookie-0001",
    source_browser="firefox",
    captured_at="2026-03-01T12:00:00Z",
    expires_at="2026-04-01T12:00:00Z",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config/openusage/credentials.json"


@pytest.fixture
def stored(path: Path) -> CredentialsFile:
    return CredentialsFile(str(path))


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def mode(path: Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_missing_file_is_empty(stored: CredentialsFile, path: Path) -> None:
    """No file, no keys, no warning; nothing is written."""
    assert (dict(stored.read().keys), dict(stored.read().sessions)) == ({}, {})
    assert stored.warning == ""
    assert not path.parent.exists()


def test_key_is_kept_privately(stored: CredentialsFile, path: Path) -> None:
    """File 0600, directory 0700, blanks trimmed, and the newest value counts at once."""
    old = os.umask(0)
    try:
        stored.set_key(" groq ", " gsk-1 \n")
    finally:
        os.umask(old)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert stored.read().keys == {"groq": "gsk-1"}
    stored.set_key("groq", "gsk-2")
    assert stored.read().keys == {"groq": "gsk-2"}
    assert sorted(os.listdir(path.parent)) == ["credentials.json", "credentials.json.lock"]


def test_private_from_the_first_moment(
    stored: CredentialsFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At no time does a file with the key exist that others could open."""
    modes = []
    replace = os.replace

    def seen(source: str, target: str) -> None:
        modes.append(mode(Path(source)))
        replace(source, target)

    monkeypatch.setattr(os, "replace", seen)
    old = os.umask(0)
    try:
        stored.set_key("groq", "gsk-1")
    finally:
        os.umask(old)
    assert modes == [0o600]


def test_open_file_is_closed_again(stored: CredentialsFile, path: Path) -> None:
    """A file restored from a backup with loose rights is made private when it is read."""
    write(path, '{"keys":{"groq":"g"}}', 0o644)
    assert stored.read().keys == {"groq": "g"}
    assert mode(path) == 0o600


@pytest.mark.parametrize(("account", "key"), [("", "k"), (" ", "k"), ("a", ""), ("a", " \n")])
def test_blank_key_or_account_is_refused(stored: CredentialsFile, account: str, key: str) -> None:
    """There is nothing to store."""
    with pytest.raises(ConfigError, match="needed"):
        stored.set_key(account, key)


def test_session_round_trip(stored: CredentialsFile, path: Path) -> None:
    """A session is stored beside the keys, an empty field is left out."""
    stored.set_key("groq", "g")
    stored.set_session("perplexity", SESSION)
    stored.set_session("other", Session(domain="x", cookie_name="n", value="v"))
    assert stored.read().sessions["perplexity"] == SESSION
    document = json.loads(path.read_text())
    assert document["keys"] == {"groq": "g"}
    assert document["sessions"]["other"] == {"domain": "x", "cookie_name": "n", "value": "v"}


@pytest.mark.parametrize("missing", ["domain", "cookie_name", "value"])
def test_incomplete_session_is_refused(stored: CredentialsFile, missing: str) -> None:
    """Domain, name and value are needed."""
    fields = {"domain": "d", "cookie_name": "n", "value": "v", missing: ""}
    with pytest.raises(ConfigError, match="a session needs"):
        stored.set_session("a", Session(**fields))


def test_expiry() -> None:
    """A session ends at its time; one without a readable time does not."""
    assert not SESSION.expired(1_775_044_799_000)
    assert SESSION.expired(1_775_044_800_000)
    assert not Session(domain="d", cookie_name="n", value="v").expired(1 << 60)


def test_exact_id_beats_one_that_needs_trimming(stored: CredentialsFile, path: Path) -> None:
    """Ids are trimmed on reading; wrong types cost only themselves."""
    write(
        path,
        json.dumps(
            {
                "keys": {" groq ": "padded", "groq": "exact", "openai ": "o", "": "x", "a": 5},
                "sessions": {"p": {"domain": "d"}, "q": 7},
            }
        ),
    )
    assert stored.read().keys == {"groq": "exact", "openai": "o"}
    assert stored.read().sessions == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys":{"groq":"planted-key"} trailing'])
def test_corrupt_file(stored: CredentialsFile, path: Path, text: str) -> None:
    """It holds nothing and is told without its content; saving keeps a private copy of it."""
    write(path, text)
    assert stored.read().keys == {}
    assert str(path) in stored.warning
    assert "planted" not in stored.warning
    with pytest.raises(ConfigError):
        stored.delete("groq")
    assert path.read_text() == text
    stored.set_key("openai", "o")
    aside = path.with_name("credentials.json.corrupt")
    assert (aside.read_text(), mode(aside)) == (text, 0o600)
    assert stored.read().keys == {"openai": "o"}
    assert stored.warning == ""


def test_unknown_keys_survive(stored: CredentialsFile, path: Path) -> None:
    """What a newer version keeps there is not ours to drop."""
    write(path, '{"version":2,"keys":{"a":"1"},"extra":{"x":[1]}}')
    stored.set_key("b", "2")
    assert stored.delete("a")
    assert json.loads(path.read_text()) == {"version": 2, "keys": {"b": "2"}, "extra": {"x": [1]}}


def test_delete(stored: CredentialsFile) -> None:
    """Key and session of exactly this id go; deleting nothing is no."""
    stored.set_key("perplexity", "k")
    stored.set_session("perplexity", SESSION)
    assert not stored.delete("perplex")
    assert stored.delete("perplexity")
    assert not stored.delete("perplexity")
    assert (dict(stored.read().keys), dict(stored.read().sessions)) == ({}, {})


def test_change_by_somebody_else_is_seen(stored: CredentialsFile, path: Path) -> None:
    """The file is the truth: an edit counts at the next look."""
    stored.set_key("a", "1")
    write(path, '{"keys":{"a":"edited by hand"}}')
    assert stored.read().keys == {"a": "edited by hand"}
    path.unlink()
    assert stored.read().keys == {}


def test_link_stays_a_link(stored: CredentialsFile, path: Path, tmp_path: Path) -> None:
    """A dotfile manager's link is written through; one into nothing is an error."""
    real = tmp_path / "dotfiles.json"
    write(real, "{}")
    path.parent.mkdir(parents=True)
    path.symlink_to(real)
    stored.set_key("a", "1")
    assert path.is_symlink()
    assert json.loads(real.read_text()) == {"keys": {"a": "1"}}
    real.unlink()
    with pytest.raises(ConfigError, match="does not exist"):
        stored.set_key("a", "2")


def test_unreadable_directory_is_words(tmp_path: Path) -> None:
    """A place that cannot be written is named, with the system's reason."""
    blocker = tmp_path / "file"
    blocker.touch()
    stored = CredentialsFile(str(blocker / "credentials.json"))
    with pytest.raises(ConfigError, match=str(blocker)):
        stored.set_key("a", "1")


def test_two_processes_lose_nothing(path: Path) -> None:
    """Writers at the same time each keep the other's keys."""
    code = (
        "import sys; from openusaged.config.credentials import CredentialsFile\n"
        "f = CredentialsFile(sys.argv[1])\n"
        "for n in range(30): f.set_key(sys.argv[2] + str(n), 'k')"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), name], cwd=ROOT)
        for name in ("a", "b")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert len(json.loads(path.read_text())["keys"]) == 60


@pytest.mark.parametrize("make", [lambda file: file.read(), lambda file: file.read().sessions["p"]])
def test_no_secret_in_a_repr(stored: CredentialsFile, make: Any) -> None:
    """A traceback or log line that holds the value holds no secret."""
    stored.set_key("groq", "planted-key-0001")
    stored.set_session("p", SESSION)
    assert "planted" not in repr(make(stored))
