"""The command table: which module runs, what a typing error says, which exit code a failure has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

import openusage_proto
from openusage_client import cli
from openusage_proto import locations
from tests.support import wire_samples
from tests.support.scripted_peer import Hangup, Refusal, ScriptedPeer, Silence

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[3]


def test_help_lists_every_command(run: Run) -> None:
    """`--help` names all commands, shows examples and exits 0."""
    code, out, _ = run("--help")
    assert code == 0
    assert all(f"  {command.name} " in out for command in cli.COMMANDS)
    assert "openusage daily --since" in out


@pytest.mark.parametrize("name", [command.name for command in cli.COMMANDS])
def test_every_command_has_help(run: Run, name: str) -> None:
    """Each command explains itself without a daemon."""
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    assert f"usage: openusage {name}" in out


def test_help_is_a_word_too(run: Run) -> None:
    """`openusage help` and `openusage help COMMAND` are `--help`."""
    assert run("help") == run("--help")
    assert run("help", "daily") == run("daily", "--help")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dayly"], "did you mean `openusage daily`?"),
        (["xyzzy"], "known: overview, daily"),
        (["daily", "--since", "2026-02-30"], "write YYYY-MM-DD"),
        (["daily", "-z", "Europe/Pariss"], "Europe/Paris"),
        (["-z", "Nowhere", "daily"], "no time zone"),
        (["daily", "--jsn"], "there is no flag --jsn; did you mean --json?"),
        (["daily", "--no"], "did you mean --no-"),
        (["daily", "--zone=UTC"], "there is no flag --zone; did you mean --timezone?"),
        (["accounts", "--frobnicate", "list"], "no flag --frobnicate; see openusage accounts"),
        (["tmux", "--format", "--preset-x"], "no flag --preset-x; did you mean --preset?"),
        (["daily", "--mode", "calc"], "invalid choice"),
        (["blocks", "--week-start", "monday"], "there is no flag --week-start"),
        (["daily", "--top", "-3"], "'-3' is no whole number"),
        (["daily", "--top", "many"], "'many' is no whole number"),
        (["daily", "--top-models", "0"], "must be at least 1"),
        (["daily", "--by", "mood"], "invalid choice"),
        (["daily", "--json", "--csv"], "not allowed with argument"),
        (["monthly", "--plan", "free"], "'free' is no amount"),
        (["daily", "--since", "2026-03-02", "--until", "2026-03-01"], "swap them"),
        (["--json"], "there is no flag --json; what belongs to a command stands behind it"),
        (["--since", "2026-03-01", "daily"], "there is no flag --since; what belongs to a"),
        (["daily", "--frobnicate"], "there is no flag --frobnicate; see openusage daily --help"),
        (["export", "--since", "2026-03-02", "--until", "2026-03-01"], "swap them"),
    ],
)
def test_usage_errors_exit_2_and_help(run: Run, arguments: list[str], says: str) -> None:
    """A wrong command, flag, date or zone is exit 2 with a sentence that helps."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert says in err


def test_flags_before_the_command_count(run: Run, peer: ScriptedPeer) -> None:
    """General flags may stand before the command."""
    code, out, _ = run("--no-autostart", "-z", "Asia/Kathmandu", "daily", "--json")
    assert code == 0
    assert out.startswith("{")
    assert peer.params_of("report")[0]["tz"] == "Asia/Kathmandu"


@pytest.mark.parametrize("command", ["overview", "daily", "session", "export", "status", "blocks"])
def test_no_daemon_and_no_autostart_is_3(run: Run, command: str) -> None:
    """Nothing answers and nothing may be started: exit 3, how to start it, nothing started."""
    code, out, err = run(command, "--no-autostart")
    assert (code, out) == (3, "")
    assert "openusaged start" in err
    assert not os.path.exists(locations.log_path())


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (Refusal(1009, "auth_required", {"detail": "sign in"}), 4, "sign in"),
        (Refusal(-32601, "method_not_found"), 5, "method_not_found"),
        (Refusal(-32602, "invalid_params", {"detail": "$.tz: unknown"}), 2, "$.tz: unknown"),
        (Refusal(1005, "storage_failed", {"detail": "disk full"}), 1, "disk full"),
        (Hangup(), 1, "hung up"),
        ([1], 5, "malformed"),
        (b"garbage\n", 5, "no JSON"),
    ],
    ids=["auth", "method", "params", "storage", "hangup", "list", "garbage"],
)
def test_failures_have_their_exit_code(run: Run, answer: object, code: int, says: str) -> None:
    """Each kind of failure has its documented exit code and one line of words."""
    wrapped = (lambda _params: [1]) if answer == [1] else answer
    with ScriptedPeer(wire_samples.answers(report=wrapped)):
        got, out, err = run("daily", "--json")
    assert (got, out) == (code, "")
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["daily", "overview", "export"])
def test_other_protocol_version_is_5(run: Run, command: str) -> None:
    """A daemon of another protocol is refused with what to do."""
    with ScriptedPeer(wire_samples.answers(status=wire_samples.status(protocol=99))):
        code, _, err = run(command)
    assert code == 5
    assert "openusaged restart" in err


def test_unreachable_directory_is_1(run: Run, peer: ScriptedPeer, tmp_path: Path) -> None:
    """A file that cannot be written is named."""
    blocker = tmp_path / "file"
    blocker.touch()
    code, _, err = run("export", "-o", str(blocker / "x.json"))
    assert code == 1
    assert str(blocker) in err


def test_no_terminal_prints_the_overview(run: Run, peer: ScriptedPeer) -> None:
    """`openusage` in a pipe is the overview."""
    code, out, _ = run()
    assert code == 0
    assert out.startswith("OpenUsage")
    assert run("overview")[1] == out


def test_or_demo_on_a_machine_with_tools_is_the_usual_view(run: Run, peer: ScriptedPeer) -> None:
    """Sample data never replaces real accounts or stored history."""
    code, out, _ = run("--or-demo")
    assert code == 0
    assert "sample data" not in out
    assert "Claude Code" in out


def test_version(run: Run) -> None:
    """The version is printed with and without a daemon, as text and as JSON."""
    assert "openusaged is not running" in run("version")[1]
    with ScriptedPeer(wire_samples.answers()):
        assert "openusaged 0.1.0 (protocol 1)" in run("--version")[1]
        assert '"daemon": {\n    "version": "0.1.0"' in run("version", "--json")[1]


def test_the_version_is_the_one_that_is_installed() -> None:
    """Nobody asks pip when the program runs, so the two must not differ."""
    assert metadata.version("openusage") == openusage_proto.VERSION


def script(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "bin" / "openusage"), *arguments]


def test_closed_pipe_is_quiet(peer: ScriptedPeer) -> None:
    """`| head` may leave early without a traceback."""
    peer.answers["report"] = wire_samples.report(
        "daily", [wire_samples.row(f"{n:06}", n) for n in range(4000)]
    )
    with subprocess.Popen(
        script("daily", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait() == 0
    assert errors == b""


@pytest.mark.parametrize("stream", [1, 2])
@pytest.mark.parametrize("arguments", ["daily", "version --json", "--help", "daily --frobnicate"])
def test_closed_streams_change_nothing_else(
    peer: ScriptedPeer, stream: int, arguments: str
) -> None:
    """Without stdout or stderr (`>&-`) a command says less, and that is all."""
    command = f"{sys.executable} {ROOT}/bin/openusage {arguments}"
    open_, closed = (
        subprocess.run(["sh", "-c", command + end], capture_output=True, check=False)
        for end in ("", f" {stream}>&-")
    )
    assert closed.returncode == open_.returncode
    assert closed.stdout == (b"" if stream == 1 else open_.stdout)
    assert closed.stderr == (b"" if stream == 2 else open_.stderr)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [("daily", 0), ("mcp", 0), ("accounts set-key openai", 2), ("tmux install", 0)],
)
def test_closed_stdin_is_an_empty_one(peer: ScriptedPeer, arguments: str, code: int) -> None:
    """Without stdin (`<&-`) a command does what it does when nobody is there to answer."""
    command = f"{sys.executable} {ROOT}/bin/openusage {arguments}"
    closed, empty = (
        subprocess.run(["sh", "-c", command + end], capture_output=True, check=False)
        for end in (" <&-", " </dev/null")
    )
    assert (empty.returncode, empty.stderr == b"") == (code, code == 0)
    assert (closed.returncode, closed.stdout) == (code, empty.stdout)
    assert closed.stderr == empty.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", ["daily", "--help", "daily --help", "man"])
def test_full_disk_is_one_sentence(peer: ScriptedPeer, arguments: str) -> None:
    """Output that cannot be written is exit 1 with the reason."""
    with open("/dev/full", "wb") as full:
        command = script(*arguments.split())
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"openusage: No space left on device\n")


@pytest.mark.parametrize(("arguments", "code"), [("man", 0), ("daily --frobnicate", 2)])
def test_a_reader_that_has_gone_changes_no_exit_code(
    peer: ScriptedPeer, arguments: str, code: int
) -> None:
    """`2>&1 | head` that has read enough is no failure, wherever the words went."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(script(*arguments.split()), stdout=writer, stderr=writer, check=False)
    finally:
        os.close(writer)
    assert done.returncode == code


def test_ctrl_c_is_quiet_and_130(run: Run, peer: ScriptedPeer) -> None:
    """Ctrl-C leaves without a traceback."""

    main_thread = threading.main_thread().ident
    assert main_thread is not None

    def interrupt(_params: object) -> Silence:
        signal.pthread_kill(main_thread, signal.SIGINT)
        return Silence()

    peer.answers["report"] = interrupt
    code, out, err = run("daily")
    assert (code, out, err) == (130, "", "")


def test_installed_script_takes_the_slow_path_for_everything_else(peer: ScriptedPeer) -> None:
    """`bin/openusage` with a command or with status line flags goes through the command table."""
    done = subprocess.run(script("status"), capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("openusaged 0.1.0 is running")
    done = subprocess.run(
        script("statusline", "--ascii"), input="{}", capture_output=True, text=True, check=False
    )
    assert done.stdout == "Opus X │ ≈$0.40 session\n"
    assert peer.params_of("statusline")[0]["ascii"] is True


def test_module_runs_like_the_script(peer: ScriptedPeer) -> None:
    """`python -m openusage_client` is the same command."""
    done = subprocess.run(
        [sys.executable, "-m", "openusage_client", "status", "--json"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.startswith(b"{")
