"""The ways out: what a program and a server really get, and reasons that give nothing away."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from openusage_proto.alert_messages import AlertFacts
from openusaged.config.alerts import AlertSettings, WebhookSettings
from openusaged.providers.shared.http import UrllibHttpClient
from openusaged.usecases.alerts.channels import Channels, set_channels, target_of
from openusaged.usecases.alerts.programs import DeliveryError, Programs
from tests.support.receiver import Receiver, receiving

FACTS = AlertFacts(
    rule="limit-80",
    kind="limit",
    at="2026-03-07T09:15:00Z",
    title="Claude & <Code>",
    text="83% used; `rm` $(id) #(id)\nnext\x07 line",
    account="claude-code",
    value=83.5,
    threshold=80.0,
    unit="%",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def bin_dir(tmp_path: Path) -> Path:
    """Stand-ins of the programs of a desktop: they write down how they were called."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("notify-send", "osascript"):
        path = directory / name
        path.write_text(f'#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done > {tmp_path}/said\n')
        path.chmod(0o755)
    return directory


def channels(path: str = "/usr/bin:/bin", platform: str = "linux", **env: str) -> Channels:
    given = {"PATH": path, **env}
    return Channels(
        programs=Programs(given),
        # A proxy that nobody listens at: what goes to this machine must not ask it.
        http=UrllibHttpClient(
            proxies={"http": "http://127.0.0.1:9", "https": "http://127.0.0.1:9"}
        ),
        direct=UrllibHttpClient(proxies={}),
        env=given,
        platform=platform,
    )


def test_m01_desktop_on_linux(bin_dir: Path, tmp_path: Path) -> None:
    """M01: a notification with title and sentence; nothing in them is a flag, markup or code."""
    channels(f"{bin_dir}:/usr/bin:/bin").deliver("desktop", FACTS, AlertSettings())
    assert (tmp_path / "said").read_text().splitlines() == [
        "--app-name=OpenUsage",
        "--",
        "Claude & <Code>",
        "83% used; `rm` $(id) #(id) next line",
    ]
    bold = replace(FACTS, text="<b>1 & 2</b>")
    channels(f"{bin_dir}:/usr/bin:/bin").deliver("desktop", bold, AlertSettings())
    assert (tmp_path / "said").read_text().splitlines()[-1] == "&lt;b&gt;1 &amp; 2&lt;/b&gt;"


def test_m01_desktop_on_macos(bin_dir: Path, tmp_path: Path) -> None:
    """M01: AppleScript gets the texts as arguments, never as part of the script."""
    channels(f"{bin_dir}:/usr/bin:/bin", "darwin").deliver("desktop", FACTS, AlertSettings())
    said = (tmp_path / "said").read_text().splitlines()
    assert said[-2:] == ["Claude & <Code>", "83% used; `rm` $(id) #(id) next line"]
    script = said[1:-2:2]
    assert said[0:-2:2] == ["-e"] * len(script)
    assert not any("83%" in line for line in script)


def test_a_desktop_without_the_program_says_so() -> None:
    """The reason names what is missing."""
    with pytest.raises(DeliveryError, match="notify-send is not installed or not on PATH"):
        channels("/nowhere").deliver("desktop", FACTS, AlertSettings())


def test_command_gets_facts_twice(tmp_path: Path) -> None:
    """One line of JSON on standard input, and a variable for each fact that applies."""
    program, out = tmp_path / "tell", tmp_path / "out"
    program.write_text(
        f'#!/bin/sh\ncat > {out}\nenv | grep ^OPENUSAGE >> {out}\necho "$1" >> {out}\n'
    )
    program.chmod(0o755)
    settings = AlertSettings(command=(str(program), "--loud $(id)"))
    channels().deliver("command", FACTS, settings)
    first, *lines = out.read_text().splitlines()
    assert json.loads(first) == {
        "rule": "limit-80",
        "kind": "limit",
        "at": "2026-03-07T09:15:00Z",
        "title": "Claude & <Code>",
        "text": FACTS.text,
        "account": "claude-code",
        "value": 83.5,
        "threshold": 80.0,
        "unit": "%",
    }
    assert lines[-1] == "--loud $(id)"
    variables = dict(line.split("=", 1) for line in lines[:-1])
    assert variables["OPENUSAGE_ALERT_VALUE"] == "83.5"
    assert variables["OPENUSAGE_ALERT_TEXT"] == "83% used; `rm` $(id) #(id) next line"
    assert "OPENUSAGE_ALERT_MODEL" not in variables


def test_a_command_that_fails_keeps_its_words_to_itself(tmp_path: Path) -> None:
    """What a user's own program prints may be a secret: only how it ended is kept."""
    settings = AlertSettings(command=("sh", "-c", "echo sk-secret >&2; exit 4"))
    with pytest.raises(DeliveryError) as failure:
        channels().deliver("command", FACTS, settings)
    assert str(failure.value) == "sh ended with exit code 4"


def test_m01_webhook(receiver: Receiver) -> None:
    """M01: a POST of JSON to the address that was set, straight to this machine."""
    settings = AlertSettings(webhook=WebhookSettings(url=f"{receiver.url}/hook"))
    channels().deliver("webhook", FACTS, settings)
    ((path, headers, body),) = receiver.got
    assert path == "/hook"
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers
    assert body["text"] == FACTS.text  # type: ignore[index]


def test_webhook_address_from_the_environment(receiver: Receiver) -> None:
    """An address that is a secret is read when it is needed, and judged like any other."""
    settings = AlertSettings(webhook=WebhookSettings(url_env="HOOK"))
    channels(HOOK=f"{receiver.url}/s3cret").deliver("webhook", FACTS, settings)
    assert receiver.got[0][0] == "/s3cret"
    with pytest.raises(DeliveryError, match="the variable HOOK is not set"):
        channels().deliver("webhook", FACTS, settings)
    with pytest.raises(DeliveryError, match="HOOK: another machine is only reached by https"):
        channels(HOOK="http://example.com/x").deliver("webhook", FACTS, settings)


def test_webhook_failures_hide_the_path(receiver: Receiver) -> None:
    """Host and status say enough; the path of many such addresses is their secret."""
    settings = AlertSettings(webhook=WebhookSettings(url=f"{receiver.url}/s3cret"))
    receiver.status = 404
    with pytest.raises(DeliveryError) as failure:
        channels().deliver("webhook", FACTS, settings)
    assert str(failure.value) == "127.0.0.1: HTTP 404"
    receiver.status = 302
    with pytest.raises(DeliveryError, match="HTTP 302"):
        channels().deliver("webhook", FACTS, settings)
    assert [path for path, _, _ in receiver.got] == ["/s3cret", "/s3cret"]
    refused = AlertSettings(webhook=WebhookSettings(url="http://127.0.0.1:9/s3cret"))
    with pytest.raises(DeliveryError) as failure:
        channels().deliver("webhook", FACTS, refused)
    assert str(failure.value) == "127.0.0.1: unreachable"


def test_targets_are_words_without_secrets() -> None:
    """What lists the ways shows programs and hosts, never a path or an argument."""
    settings = AlertSettings(
        tmux=True,
        command=("/bin/tell", "--token", "s3cret"),
        webhook=WebhookSettings(url="https://hooks.example.com/s3cret"),
    )
    assert set_channels(settings) == ["desktop", "tmux", "command", "webhook"]
    shown = [target_of(name, settings, "linux") for name in set_channels(settings)]
    assert shown == ["notify-send", "every attached client", "/bin/tell", "hooks.example.com"]
    hidden = AlertSettings(desktop=False, webhook=WebhookSettings(url_env="HOOK"))
    assert set_channels(hidden) == ["webhook"]
    assert target_of("webhook", hidden, "darwin") == "the address in HOOK"
    assert target_of("desktop", hidden, "darwin") == "osascript"
    assert target_of("command", hidden, "linux") == ""


def test_tmux_without_a_server_says_so(tmp_path: Path) -> None:
    """No server, no message: and what tmux says about it."""
    alone = channels(os.environ["PATH"], TMUX_TMPDIR=str(tmp_path))
    with pytest.raises(DeliveryError, match="tmux"):
        alone.deliver("tmux", FACTS, AlertSettings())
