"""`openusage integrations`: the list, what is shown and asked before a change, pipes and JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

import pytest

from openusage_client.commands.integrations import change_lines, list_lines
from openusage_client.formatting import parse_iso
from openusage_client.terminal import Style
from openusage_proto import methods
from openusage_proto.errors import CODES, CONFIG_INVALID, METHOD_NOT_FOUND
from openusage_proto.integration_messages import (
    IntegrationChange,
    IntegrationInfo,
    IntegrationPlace,
    IntegrationResult,
    Integrations,
)
from tests.support.scripted_peer import Refusal, ScriptedPeer

Run = Callable[..., tuple[int, str, str]]
NOW = parse_iso("2026-03-07T09:30:00Z")
PLAIN = Style(color=False, unicode=True)
COLOR = Style(color=True, unicode=True)

CLAUDE = IntegrationInfo(
    id="claude_code",
    title="Claude Code",
    state="ready",
    detected=True,
    version=1,
    shipped_version=1,
    places=[
        IntegrationPlace(
            home="/home/me/.claude",
            config="/home/me/.claude/settings.json",
            state="ready",
            options=["statusline"],
        )
    ],
    last_event_at="2026-03-07T09:28:00Z",
    delivery="delivering",
)
CODEX = IntegrationInfo(
    id="codex",
    title="Codex",
    state="broken",
    detected=True,
    version=1,
    shipped_version=2,
    reasons=["not wired in /home/me/team"],
    places=[
        IntegrationPlace(
            home="/home/me/.codex",
            config="/home/me/.codex/config.toml",
            state="broken",
            reasons=["/opt/venv/bin/python does not exist any more, which is to run it"],
        ),
        IntegrationPlace(
            home="/home/me/team",
            config="/home/me/team/config.toml",
            state="broken",
            reasons=["/home/me/team/config.toml:3:5: Unexpected character; nothing was changed"],
        ),
    ],
    delivery="silent",
    delivery_reason="codex must have been started since",
)
OPENCODE = IntegrationInfo(
    id="opencode",
    title="OpenCode",
    state="missing",
    detected=True,
    places=[
        IntegrationPlace(
            home="/home/me/.config/opencode",
            config="/home/me/.config/opencode/plugins/openusage.ts",
            state="missing",
        )
    ],
)
ALL = [CLAUDE, CODEX, OPENCODE]

DIFF = """\
--- /home/me/.codex/config.toml
+++ /home/me/.codex/config.toml
@@ -1 +1,2 @@
 model = "gpt"
+notify = ["/usr/bin/python3"]"""


def result(**more: object) -> IntegrationResult:
    """What the daemon answers for Codex."""
    given: dict[str, object] = {
        "id": "codex",
        "title": "Codex",
        "action": "installed",
        "dry_run": False,
        "state": "ready",
        "version": 2,
        "changes": [
            IntegrationChange(path="/h/codex.py", action="create", diff="create our codex.py"),
            IntegrationChange(
                path="/home/me/.codex/config.toml", action="change", diff=DIFF, backup="/b.bak"
            ),
        ],
        "notes": ["start a new session"],
        "plan": "cafe",
    }
    return IntegrationResult(**(given | more))  # type: ignore[arg-type]


def answer(params: dict[str, object]) -> IntegrationResult:
    """A dry run shows, the real run does."""
    if params.get("dry_run"):
        return result(dry_run=True, state="missing")
    return result(id=params["id"])


@pytest.fixture
def peer() -> Iterator[ScriptedPeer]:
    """A daemon with one tool in each state."""
    answers = {
        methods.INTEGRATIONS: Integrations(integrations=ALL),
        methods.INTEGRATION_INSTALL: answer,
        methods.INTEGRATION_UNINSTALL: lambda params: replace(
            answer(params), action="uninstalled", state="missing", version=None
        ),
    }
    with ScriptedPeer(answers) as scripted:
        yield scripted


class Keyboard(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


def lines(infos: list[IntegrationInfo], width: int | None = 100, *, everything: bool = False):
    return list_lines(infos, everything=everything, now=NOW, width=width, style=PLAIN)


class TestList:
    """The table and what stands below it."""

    @pytest.mark.parametrize("width", [60, 80, 120])
    def test_golden(self, width: int, check_screen: Callable[[str, str, int], None]) -> None:
        """The page fits every width and looks as reviewed."""
        check_screen("integrations", "\n".join(lines(ALL, width)) + "\n", width)

    def test_without_tools(self) -> None:
        """It is said how to see the others."""
        infos = [replace(OPENCODE, detected=False)]
        (line,) = lines(infos)
        assert "list --all" in line
        assert "opencode" in lines(infos, everything=True)[1]

    def test_of_a_missing_tool_names_no_command_unless_it_is_here(self) -> None:
        """Nothing to install for a tool that is not on the machine."""
        infos = [replace(OPENCODE, detected=False)]
        assert not any("install" in line for line in lines(infos, everything=True))

    def test_waiting_for_the_first_event(self) -> None:
        """A fresh installation is not a silent one."""
        infos = [replace(CLAUDE, delivery="never", delivery_reason="after the next turn")]
        assert "claude_code: no event yet: after the next turn" in lines(infos)

    def test_prints_it(self, run: Run, peer: ScriptedPeer) -> None:
        """The command prints the page and passes the variables of this shell."""
        code, out, _ = run("integrations")
        assert code == 0
        assert out.splitlines()[0].split() == [
            "ID", "STATE", "VERSION", "LAST", "EVENT", "WITH", "HOME"]  # fmt: skip

    def test_passes_the_environment(
        self, run: Run, peer: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only variables that move a tool's configuration, and only those that are set."""
        monkeypatch.setenv("CLAUDE_CONFIG_DIR", "/w")
        monkeypatch.setenv("CODEX_HOME", "")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-planted-0001")
        run("int", "list")
        (params,) = peer.params_of(methods.INTEGRATIONS)
        assert params["environment"]["CLAUDE_CONFIG_DIR"] == "/w"
        assert set(params["environment"]) == {"CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"}

    def test_json_is_the_answer(self, run: Run, peer: ScriptedPeer) -> None:
        """The JSON is what the daemon said."""
        code, out, _ = run("integrations", "list", "--json")
        assert code == 0
        assert json.loads(out) == asdict(Integrations(integrations=ALL))


class TestWithoutATerminal:
    """Pipes and scripts."""

    def test_nothing_is_changed_without_a_word(self, run: Run, peer: ScriptedPeer) -> None:
        """--yes is the answer that nobody can give here."""
        code, out, err = run("integrations", "install", "codex")
        assert code == 2
        assert "--yes" in err
        assert '+notify = ["/usr/bin/python3"]' in out
        assert [asked["dry_run"] for asked in peer.params_of(methods.INTEGRATION_INSTALL)] == [True]

    def test_a_wrong_name_is_told_before_the_missing_word(
        self, run: Run, peer: ScriptedPeer
    ) -> None:
        """Who mistypes a tool is not sent for a flag first."""
        detail = "id: no integration 'codx'; known: claude_code, codex, opencode"
        peer.answers[methods.INTEGRATION_INSTALL] = Refusal(
            -32602, "invalid_params", {"detail": detail}
        )
        assert run("integrations", "install", "codx") == (2, "", f"openusage: {detail}\n")

    def test_yes(self, run: Run, peer: ScriptedPeer) -> None:
        """Shown, then done exactly so."""
        code, out, _ = run("integrations", "install", "codex", "--with", "hooks", "--yes")
        assert code == 0
        assert '+notify = ["/usr/bin/python3"]' in out
        assert out.splitlines()[-3:] == [
            "Codex: installed version 2, ready",
            "  kept /b.bak",
            "  start a new session",
        ]
        shown, done = peer.params_of(methods.INTEGRATION_INSTALL)
        assert (shown["dry_run"], shown["options"]) == (True, ["hooks"])
        assert (done["plan"], done["options"]) == ("cafe", ["hooks"])
        assert "dry_run" not in done

    def test_dry_run(self, run: Run, peer: ScriptedPeer) -> None:
        """Shown and not done."""
        code, out, _ = run("integrations", "uninstall", "codex", "--dry-run")
        assert code == 0
        assert "create our codex.py: /h/codex.py" in out
        assert [item["dry_run"] for item in peer.params_of(methods.INTEGRATION_UNINSTALL)] == [True]

    def test_json_is_pure(self, run: Run, peer: ScriptedPeer) -> None:
        """Standard output holds the results and nothing else."""
        code, out, err = run("integrations", "install", "codex", "--yes", "--json")
        assert code == 0
        assert err == ""
        (only,) = json.loads(out)["results"]
        assert only == asdict(result())

    def test_nothing_to_change(self, run: Run, peer: ScriptedPeer) -> None:
        """Said, and no second call."""
        peer.answers[methods.INTEGRATION_INSTALL] = result(action="unchanged", changes=[])
        code, out, _ = run("integrations", "upgrade", "codex", "--yes")
        assert (code, out) == (0, "codex: nothing to change, it is ready\n")
        assert len(peer.params_of(methods.INTEGRATION_INSTALL)) == 1
        assert peer.params_of(methods.INTEGRATION_INSTALL)[0]["upgrade"] is True
        assert json.loads(run("int", "upgrade", "codex", "--yes", "--json")[1])["results"]


class TestAll:
    """--all picks what an action concerns."""

    @pytest.mark.parametrize(
        ("action", "method", "ids"),
        [
            ("install", methods.INTEGRATION_INSTALL, ["codex", "opencode"]),
            ("upgrade", methods.INTEGRATION_INSTALL, ["codex"]),
            ("uninstall", methods.INTEGRATION_UNINSTALL, ["claude_code", "codex"]),
        ],
    )
    def test_each_action(
        self, run: Run, peer: ScriptedPeer, action: str, method: str, ids: list[str]
    ) -> None:
        """Not ready; wired and not current; wired."""
        assert run("integrations", action, "--all", "--yes")[0] == 0
        assert [item["id"] for item in peer.params_of(method) if not item.get("dry_run")] == ids

    @pytest.mark.parametrize(
        ("action", "state", "says"),
        [
            ("install", "ready", "every tool of this machine is wired"),
            ("upgrade", "ready", "everything that is wired is up to date"),
            ("uninstall", "missing", "no tool is wired"),
        ],
    )
    def test_nothing_to_do(
        self, run: Run, peer: ScriptedPeer, action: str, state: str, says: str
    ) -> None:
        """It is said, with success, also where nobody could answer."""
        place = replace(CLAUDE.places[0], state=state)
        infos = [replace(CLAUDE, state=state, places=[place])]
        peer.answers[methods.INTEGRATIONS] = Integrations(integrations=infos)
        code, out, _ = run("integrations", action, "--all")
        assert code == 0
        assert says in out

    def test_a_refusal_does_not_keep_the_others(self, run: Run, peer: ScriptedPeer) -> None:
        """The refused one is named, the exit code says that something is left."""
        refusal = Refusal(CODES[CONFIG_INVALID], CONFIG_INVALID, {"detail": "/x:1:2: broken"})

        def some(params: dict[str, object]) -> object:
            return refusal if params["id"] == "codex" else answer(params)

        peer.answers[methods.INTEGRATION_INSTALL] = some
        code, out, err = run("integrations", "install", "--all", "--yes")
        assert code == 1
        assert "codex: /x:1:2: broken" in err
        assert "installed version 2" in out


class TestAtATerminal:
    """Somebody can answer."""

    @pytest.mark.parametrize(("typed", "done"), [("y\n", True), ("YES\n", True), ("\n", False),
                                                 ("n\n", False), ("", False)])  # fmt: skip
    def test_asks(
        self,
        run: Run,
        peer: ScriptedPeer,
        monkeypatch: pytest.MonkeyPatch,
        typed: str,
        done: bool,
    ) -> None:
        """Only a yes is a yes; anything else changes nothing and is no success."""
        monkeypatch.setattr("sys.stdin", Keyboard(typed))
        code, out, err = run("integrations", "install", "codex")
        assert code == (0 if done else 1)
        assert "+notify" in out
        assert "Install Codex so? [y/N]" in err
        assert ("nothing was changed" in err) is not done
        assert len(peer.params_of(methods.INTEGRATION_INSTALL)) == (2 if done else 1)

    def test_json_asks_on_the_other_stream(
        self, run: Run, peer: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is shown and asked does not mix with the result."""
        monkeypatch.setattr("sys.stdin", Keyboard("y\n"))
        code, out, err = run("integrations", "uninstall", "codex", "--json")
        assert code == 0
        assert json.loads(out)["results"][0]["action"] == "uninstalled"
        assert "+notify" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["install"], "say which"),
        (["install", "codex", "--all"], "say which"),
        (["list", "codex"], "takes no ID"),
        (["upgrade", "codex", "--with", "hooks"], "--with goes with install"),
        (["install", "codex", "opencode", "--with", "hooks"], "--with goes with one ID"),
        (["nonsense"], "invalid choice"),
    ],
)
def test_mistakes_of_the_command_line(
    run: Run, peer: ScriptedPeer, arguments: list[str], says: str
) -> None:
    """Each is exit code 2 and a sentence."""
    code, _, err = run("integrations", *arguments)
    assert code == 2
    assert says in err


def test_a_refusal_of_one_tool(run: Run, peer: ScriptedPeer) -> None:
    """The daemon's sentence with line and column reaches the user."""
    detail = "/home/me/.codex/config.toml:3:5: Unexpected character; nothing was changed"
    refusal = Refusal(CODES[CONFIG_INVALID], CONFIG_INVALID, {"detail": detail})
    peer.answers[methods.INTEGRATION_INSTALL] = refusal
    code, _, err = run("integrations", "install", "codex", "--yes")
    assert (code, err) == (1, f"openusage: {detail}\n")


def test_an_older_daemon(run: Run, peer: ScriptedPeer) -> None:
    """It is told to restart it."""
    peer.answers[methods.INTEGRATIONS] = Refusal(CODES[METHOD_NOT_FOUND], METHOD_NOT_FOUND)
    code, _, err = run("integrations")
    assert code == 2
    assert "openusaged restart" in err


def test_differences_are_coloured() -> None:
    """Added, removed, places; the rest as it is."""
    painted = "\n".join(change_lines(result(), COLOR))
    assert "\x1b[32m+notify" in painted
    assert "\x1b[36m@@" in painted
    assert "\x1b[1m--- " in painted
    assert '\n model = "gpt"\n' in painted
    assert change_lines(result(changes=[IntegrationChange(path="/p", action="delete")]), PLAIN) == [
        "/p"
    ]
