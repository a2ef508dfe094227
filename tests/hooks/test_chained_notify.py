"""A notifier that was there before us: started by our hook as Codex would have started it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from openusage_proto import locations
from tests.support.hook_socket import HookSocket
from tests.support.hooks import PYTHON, agent_turn_complete, run_hook
from tests.support.waiting import wait_until

NOTICE = json.dumps(agent_turn_complete("t-1", "u-1", text="PLANTED PROMPT"))


def notify(*then: str, **env: str) -> None:
    """Codex's `notify` with a notifier chained behind the hook."""
    argv = ("--then", *then, NOTICE)
    run_hook("codex", argv=argv, env={**os.environ, **env})


@pytest.fixture
def notifier(tmp_path: Path) -> Path:
    """A program that writes down how it was called."""
    program = tmp_path / "a notifier"
    program.write_text(
        f"#!{PYTHON}\n"
        "import json, os, signal, sys\n"
        "ignored = [n for n in (1, 2, 15) if signal.getsignal(n) == signal.SIG_IGN]\n"
        "record = {'argv': sys.argv[1:], 'env': os.environ.get('MINE'), 'ignored': ignored}\n"
        "path = os.path.join(os.path.dirname(sys.argv[0]), 'record')\n"
        "open(path + '.new', 'w').write(json.dumps(record))\n"
        "os.rename(path + '.new', path)\n"
    )
    program.chmod(0o755)
    return program


def record_of(notifier: Path) -> dict[str, object]:
    record = notifier.with_name("record")
    wait_until(record.exists, 10.0, "the notifier's record")
    found: dict[str, object] = json.loads(record.read_text())
    return found


def test_is_called_with_its_words_and_the_notice(notifier: Path) -> None:
    """Its own arguments, then Codex's JSON, the environment and signals as Codex left them."""
    with HookSocket(locations.socket_path()) as server:
        notify(str(notifier), "-x", "a b", MINE="kept")
    # whoever runs the tests may ignore some (`nohup`, a shell's `&`), which is inherited
    ignored = [n for n in (1, 2, 15) if signal.getsignal(n) == signal.SIG_IGN]
    assert record_of(notifier) == {"argv": ["-x", "a b", NOTICE], "env": "kept", "ignored": ignored}
    (params,) = server.params
    assert params["payload"]["turn-id"] == "u-1"
    assert "PLANTED" not in json.dumps(params)


def test_is_found_on_the_path(notifier: Path) -> None:
    """Codex looks there, too."""
    path = f"{notifier.parent}{os.pathsep}{os.environ['PATH']}"
    with HookSocket(locations.socket_path()):
        notify(notifier.name, PATH=path)
    assert record_of(notifier)["argv"] == [NOTICE]


def test_is_called_when_our_own_hook_is_off(notifier: Path) -> None:
    """The switch is ours, not the user's notifier's."""
    notify(str(notifier), OPENUSAGE_TELEMETRY_ENABLED="0")
    assert record_of(notifier)["argv"] == [NOTICE]


def test_that_is_gone_costs_nothing(tmp_path: Path) -> None:
    """Codex ignores a missing program; the event is sent all the same."""
    with HookSocket(locations.socket_path()) as server:
        notify(str(tmp_path / "gone"))
        notify()
    assert len(server.params) == 2
