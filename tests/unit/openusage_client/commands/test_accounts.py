"""`openusage accounts`: the list, keys that never pass the command line, and changes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from openusage_client.commands.accounts import account_lines
from openusage_client.terminal import Style
from openusage_proto import methods
from tests.support import setup_samples, wire_samples
from tests.support.scripted_peer import Refusal, ScriptedPeer

Run = Callable[..., tuple[int, str, str]]
PLAIN = Style(color=False, unicode=True)
SETTINGS = {"path": "/c/settings.json", "settings": {}, "warnings": []}


@pytest.fixture
def peer() -> Iterator[ScriptedPeer]:
    """A daemon with some accounts."""
    answers = wire_samples.answers(
        **{
            methods.ACCOUNTS: setup_samples.accounts(),
            methods.PROVIDERS: setup_samples.providers(),
            methods.CREDENTIAL_SET: setup_samples.stored(),
            methods.CREDENTIAL_DELETE: setup_samples.stored(stored=False, credential=""),
            methods.SETTINGS_GET: SETTINGS,
            methods.SETTINGS_UPDATE: SETTINGS,
        }
    )
    with ScriptedPeer(answers) as scripted:
        yield scripted


class Terminal(io.StringIO):
    """Standard input with somebody at it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put text into standard input, as a pipe does."""

    def give(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return give


@pytest.mark.parametrize("width", [60, 80, 120])
def test_list_golden(width: int, check_screen: Callable[[str, str, int], None]) -> None:
    """The list fits every width; keys are masked, an unset variable is named."""
    lines = account_lines(setup_samples.accounts().accounts, width=width, style=PLAIN)
    check_screen("accounts", "\n".join(lines) + "\n", width)


def test_no_accounts_is_a_sentence() -> None:
    """An empty list says where to look."""
    assert "openusage detect" in account_lines([], width=80, style=PLAIN)[0]


def test_list(run: Run, peer: ScriptedPeer) -> None:
    """Without an action the accounts are listed; JSON is the daemon's answer."""
    assert run("accounts")[1] == run("accounts", "list")[1]
    assert json.loads(run("accounts", "--json")[1]) == asdict(setup_samples.accounts())


class TestSetKey:
    def test_key_from_a_pipe(
        self, run: Run, peer: ScriptedPeer, pipe: Callable[[str], None]
    ) -> None:
        """The key goes to the daemon, and only its mask is printed."""
        pipe("gsk_planted_0000009f3a\n")
        code, out, err = run("accounts", "set-key", "groq")
        assert (code, out, err) == (0, "stored gsk_...9f3a for groq (ok)\n", "")
        assert peer.params_of(methods.CREDENTIAL_SET) == [
            {"account_id": "groq", "key": "gsk_planted_0000009f3a", "check": True}
        ]

    def test_key_at_a_prompt_is_not_shown(
        self, run: Run, peer: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At a terminal the key is asked for without echo."""
        asked: list[str] = []

        def unseen(prompt: str) -> str:
            asked.append(prompt)
            return " gsk_typed "

        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr("getpass.getpass", unseen)
        assert run("accounts", "set-key", "groq", "--no-check")[0] == 0
        assert "not shown" in asked[0]
        assert peer.params_of(methods.CREDENTIAL_SET)[0] == {
            "account_id": "groq",
            "key": "gsk_typed",
            "check": False,
        }

    @pytest.mark.parametrize("text", ["", "\n", "two\nlines", "a\x00b", "x" * 70_000])
    def test_what_is_no_key(
        self, run: Run, peer: ScriptedPeer, pipe: Callable[[str], None], text: str
    ) -> None:
        """Nothing, several lines or a file is refused before anything is sent."""
        pipe(text)
        code, out, err = run("accounts", "set-key", "groq")
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert peer.params_of(methods.CREDENTIAL_SET) == []

    def test_key_as_an_argument_is_refused_and_not_repeated(
        self, run: Run, peer: ScriptedPeer
    ) -> None:
        """It would stay in the shell's history; the message says how to give it."""
        code, out, err = run("accounts", "set-key", "groq", "gsk_planted_0001")
        assert (code, out) == (2, "")
        assert "prompt" in err
        assert "planted" not in err

    def test_shadowed_key_is_said(
        self, run: Run, peer: ScriptedPeer, pipe: Callable[[str], None]
    ) -> None:
        """A stored key that does not count is a note on stderr, the command succeeded."""
        peer.answers[methods.CREDENTIAL_SET] = setup_samples.stored(
            status="", shadowed_by="$GROQ_API_KEY (env)", expires_at="2026-04-01T12:00:00Z"
        )
        pipe("k")
        code, out, err = run("accounts", "set-key", "groq")
        assert code == 0
        assert "(not checked)" in out
        assert "expires at 2026-04-01" in out
        assert "$GROQ_API_KEY (env) counts before" in err

    @pytest.mark.parametrize(
        ("refusal", "code"),
        [
            (Refusal(1009, "auth_required", {"detail": "not stored: refused"}), 4),
            (Refusal(1008, "provider_failed", {"detail": "not stored: no answer"}), 1),
            (Refusal(1010, "unknown_account", {"detail": "no account"}), 2),
        ],
    )
    def test_refusals_have_their_exit_code(
        self,
        run: Run,
        peer: ScriptedPeer,
        pipe: Callable[[str], None],
        refusal: Refusal,
        code: int,
    ) -> None:
        """A refused key is 4, an unknown account 2, anything else 1, with the daemon's words."""
        peer.answers[methods.CREDENTIAL_SET] = refusal
        pipe("k")
        got, out, err = run("accounts", "set-key", "groq")
        assert (got, out) == (code, "")
        assert refusal.error["data"]["detail"] in err


class TestConnect:
    def test_says_what_it_will_do_and_asks(
        self,
        run: Run,
        peer: ScriptedPeer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Before a browser is read the user is told which cookie, where it stays, and may say no."""
        monkeypatch.setattr("sys.stdin", Terminal("n\n"))
        code, _, err = run("accounts", "connect", "perplexity", "--browser", "chrome")
        assert code == 2
        for words in (
            "session-token of perplexity.ai",
            "credentials.json",
            "10 minutes",
            "may ask",
        ):
            assert words in err
        assert peer.params_of(methods.CREDENTIAL_SET) == []
        monkeypatch.setattr("sys.stdin", Terminal("y\n"))
        assert run("accounts", "connect", "perplexity", "--browser", "firefox")[0] == 0
        assert peer.params_of(methods.CREDENTIAL_SET)[0] == {
            "account_id": "perplexity",
            "check": True,
            "browser": "firefox",
        }

    def test_nobody_to_ask(self, run: Run, peer: ScriptedPeer, pipe: Callable[[str], None]) -> None:
        """In a script the consent is `--yes`."""
        pipe("y\n")
        code, _, err = run("accounts", "connect", "perplexity", "--browser", "firefox")
        assert code == 2
        assert "--yes" in err
        assert run("accounts", "connect", "perplexity", "--browser", "firefox", "--yes")[0] == 0

    def test_pasted_cookie(self, run: Run, peer: ScriptedPeer, pipe: Callable[[str], None]) -> None:
        """By hand no browser is read."""
        pipe("cookie-value\n")
        assert run("accounts", "connect", "perplexity", "--paste")[0] == 0
        assert peer.params_of(methods.CREDENTIAL_SET)[0]["cookie"] == "cookie-value"

    @pytest.mark.parametrize("flags", [(), ("--browser", "firefox", "--paste")])
    def test_one_way_must_be_named(
        self, run: Run, peer: ScriptedPeer, flags: tuple[str, ...]
    ) -> None:
        """Neither or both ways is a question back."""
        code, _, err = run("accounts", "connect", "perplexity", *flags)
        assert code == 2
        assert "--browser NAME or --paste" in err

    @pytest.mark.parametrize("account", ["groq", "nobody"])
    def test_account_without_a_cookie(self, run: Run, peer: ScriptedPeer, account: str) -> None:
        """A service that has keys is not connected through a browser."""
        code, _, err = run("accounts", "connect", account, "--browser", "firefox", "--yes")
        assert code == 2
        assert "signs in without a browser" in err


class TestChanges:
    def test_add(self, run: Run, peer: ScriptedPeer) -> None:
        """Only the named fields are sent."""
        code, out, _ = run(
            "accounts", "add", "new", "--provider", "openai", "--key-env", "K", "--title", "T",
            "--home", "~/h", "--base-url", "https://x", "--path", "db=/a=b", "--option", "plan=max",
        )  # fmt: skip
        assert (code, out) == (0, "wrote new to /c/settings.json\n")
        assert peer.params_of(methods.SETTINGS_UPDATE) == [
            {
                "put_accounts": [
                    {
                        "id": "new",
                        "provider": "openai",
                        "title": "T",
                        "home": "~/h",
                        "api_key_env": "K",
                        "base_url": "https://x",
                        "provider_paths": {"db": "/a=b"},
                        "options": {"plan": "max"},
                    }
                ]
            }
        ]

    def test_change_of_a_known_account_needs_no_provider(
        self, run: Run, peer: ScriptedPeer
    ) -> None:
        """`add` with a known id changes just the named fields."""
        assert run("accounts", "add", "work", "--title", "New")[0] == 0
        record = peer.params_of(methods.SETTINGS_UPDATE)[0]["put_accounts"]
        assert record == [{"id": "work", "title": "New"}]

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("add", "new"), "--provider"),
            (("add", "new", "--provider", "x", "--path", "nope"), "NAME=VALUE"),
            (("add", "new", "--provider", "x", "--option", "=v"), "NAME=VALUE"),
            (("add",), "needs the ID"),
            (("set-key",), "needs the ID"),
            (("list", "groq"), "takes no ID"),
            (("remove", "groq"), "accounts disable groq"),
            (("disable", "nobody"), "there is no account 'nobody'"),
            (("remove", "nobody"), "there is no account 'nobody'"),
        ],
    )
    def test_usage_errors(
        self, run: Run, peer: ScriptedPeer, arguments: tuple[str, ...], says: str
    ) -> None:
        """What cannot be done is said with what would work; nothing is changed."""
        code, out, err = run("accounts", *arguments)
        assert (code, out) == (2, "")
        assert says in err
        assert peer.params_of(methods.SETTINGS_UPDATE) == []

    def test_unknown_action(self, run: Run) -> None:
        """A typing error lists the actions."""
        code, _, err = run("accounts", "delete")
        assert code == 2
        assert "set-key" in err

    def test_remove(self, run: Run, peer: ScriptedPeer) -> None:
        """The account goes from the settings, and with it what was stored for it."""
        assert run("accounts", "remove", "work")[1] == "removed work from /c/settings.json\n"
        assert peer.params_of(methods.SETTINGS_UPDATE) == [{"remove_accounts": ["work"]}]
        assert peer.params_of(methods.CREDENTIAL_DELETE) == []
        run("accounts", "remove", "mistral")
        assert peer.params_of(methods.CREDENTIAL_DELETE) == [{"account_id": "mistral"}]

    def test_delete_key(self, run: Run, peer: ScriptedPeer) -> None:
        """The daemon forgets; JSON is its answer."""
        assert run("accounts", "delete-key", "groq")[1] == "forgot what was stored for groq\n"
        assert json.loads(run("accounts", "delete-key", "groq", "--json")[1])["stored"] is False

    def test_disable_keeps_the_other_tiles(self, run: Run, peer: ScriptedPeer) -> None:
        """The entry of the account is replaced, its other fields and the other entries stay."""
        entries = [
            {"account_id": "groq", "enabled": True, "hide_costs": True},
            {"account_id": "x", "enabled": True, "hide_costs": None},
        ]
        peer.answers[methods.SETTINGS_GET] = {
            **SETTINGS,
            "settings": {"dashboard": {"providers": entries}},
        }
        assert run("accounts", "disable", "groq")[1] == "groq is disabled\n"
        assert peer.params_of(methods.SETTINGS_UPDATE) == [
            {
                "changes": {
                    "dashboard": {
                        "providers": [
                            entries[1],
                            {"account_id": "groq", "enabled": False, "hide_costs": True},
                        ]
                    }
                }
            }
        ]
