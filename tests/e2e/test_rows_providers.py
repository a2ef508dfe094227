"""Rows PRV-01 to PRV-06 of the feature table: accounts, states, sessions, keys, prices, names."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from tests.support.client import report, run_client
from tests.support.daemon import Daemon
from tests.support.firefox_profile import profile
from tests.support.key_table import write
from tests.support.provider_case import DATA, CaseServer
from tests.support.vendor_server import vendor
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

LIMITS = {
    "x-ratelimit-limit-requests": "100",
    "x-ratelimit-remaining-requests": "60",
    "x-ratelimit-reset-requests": "6m0s",
}
COOKIE = "planted-session-0001"


def configure(*accounts: dict[str, Any]) -> None:
    """Settings with these accounts only."""
    document = {"auto_detect": False, "accounts": list(accounts)}
    write(Path(locations.settings_path()), json.dumps(document))


def states(daemon: Daemon) -> dict[str, dict[str, Any]]:
    """What a user sees of each account."""
    model = daemon.call("read_model", window="all")
    return {one["account_id"]: one for one in model["accounts"]}


def wait_for_polls(daemon: Daemon) -> dict[str, dict[str, Any]]:
    """The same once every account has been asked."""

    def all_polled() -> bool:
        return all(one["last_poll_at"] for one in daemon.call("status")["sources"])

    wait_until(all_polled, 20.0, "the first polls")
    return states(daemon)


@pytest.fixture
def console() -> Iterator[CaseServer]:
    """Perplexity's console as recorded, for the one browser session that is signed in."""
    case = json.loads((DATA / "perplexity" / "console" / "case.json").read_text(encoding="utf-8"))
    with CaseServer(case["routes"]) as server:
        yield server


def test_prv_01_a_second_account_works_with_its_own_key(isolated_home: str, daemon: Daemon) -> None:
    """Two accounts of one service ask their own addresses with their own keys, one of them for a
    model of its own choice; a tool's records may lie where the account says."""
    transcripts = Path(isolated_home) / "elsewhere" / "projects" / "p"
    write(transcripts / "s.jsonl", json.dumps(claude_line("msg_1")) + "\n")
    with (
        vendor("sk-one", body={"id": "gpt-4.1-mini"}) as one,
        vendor("sk-two", body={"id": "my-model"}) as two,
    ):
        configure(
            {"id": "openai", "provider": "openai", "base_url": one.url},
            {
                "id": "work",
                "provider": "openai",
                "base_url": two.url,
                "api_key_env": "WORK_KEY",
                "probe_model": "my-model",
            },
            {
                "id": "mine",
                "provider": "claude_code",
                "provider_paths": {"projects": str(transcripts.parent)},
            },
        )
        daemon.env |= {"OPENAI_API_KEY": "sk-one", "WORK_KEY": "sk-two"}
        daemon.start()
        daemon.wait_idle()
        wait_until(lambda: bool(one.asked and two.asked), 20.0, "both polls")
        found = states(daemon)
        wait_until(
            lambda: {states(daemon)[name]["status"] for name in ("openai", "work")} == {"OK"},
            20.0,
            "both answers",
        )
    assert {key for _, key in one.asked} == {"sk-one"}
    assert {key for _, key in two.asked} == {"sk-two"}
    assert {path.rpartition("/")[2] for path, _ in two.asked} == {"my-model"}
    assert found["mine"]["usage"]["totals"]["total_tokens"] == 1100


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("401", "AUTH_REQUIRED"),
        ("403", "AUTH_REQUIRED"),
        ("429", "LIMITED"),
        ("500", "ERROR"),
        ("404", "ERROR"),
    ],
)
def test_prv_02_what_a_vendor_answers_is_a_state_with_a_reason(
    isolated_home: str, daemon: Daemon, fault: str, status: str
) -> None:
    """A refused key, a limit and a failure are told apart and named, in the overview, too."""
    with CaseServer([]) as server:
        server.fault = fault
        configure({"id": "groq", "provider": "groq", "base_url": server.url})
        daemon.env["GROQ_API_KEY"] = "gsk-planted-0001"
        daemon.start()
        found = wait_for_polls(daemon)["groq"]
        assert (found["status"], found["metrics"]) == (status, [])
        assert f"HTTP {fault}" in found["message"]
        shown = run_client({**daemon.env, "COLUMNS": "140"}, "overview").stdout
        assert "Groq" in shown


def test_prv_02_rate_limits_of_the_headers_are_figures(isolated_home: str, daemon: Daemon) -> None:
    """Limit, what is left and the reset come from the headers of a good answer."""
    body = {"object": "list", "data": [{"id": "m"}]}
    with CaseServer([{"path": "/models", "body": body, "answer_headers": LIMITS}]) as server:
        configure({"id": "groq", "provider": "groq", "base_url": server.url})
        daemon.env["GROQ_API_KEY"] = "gsk-planted-0001"
        daemon.start()
        found = wait_for_polls(daemon)["groq"]
        assert found["status"] == "OK"
        (metric,) = found["metrics"]
        assert (metric["key"], metric["limit"], metric["remaining"]) == ("rpd", 100.0, 60.0)
        assert metric["resets_at"]


def test_prv_03_a_browser_session_shows_what_only_the_console_knows(
    isolated_home: str, daemon: Daemon, console: CaseServer
) -> None:
    """Connecting reads one cookie and stores it privately; the balance appears; disconnecting
    forgets it."""
    configure({"id": "perplexity", "provider": "perplexity", "base_url": console.url})
    name = "__Secure-next-auth.session-token"
    profile(
        Path(isolated_home) / ".mozilla/firefox/p.default",
        [(".perplexity.ai", name, COOKIE, 2_000_000_000), (".x.ai", "other", "planted-2", 1)],
    )
    daemon.start()
    assert states(daemon)["perplexity"]["metrics"] == []
    run_client(daemon.env, "accounts", "connect", "perplexity", "--browser", "firefox", "--yes")
    wait_until(lambda: bool(states(daemon)["perplexity"]["metrics"]), 20.0, "the console's figures")
    figures = {one["key"]: one for one in states(daemon)["perplexity"]["metrics"]}
    assert any(one["remaining"] == 4.5 for one in figures.values())
    stored = Path(locations.credentials_path())
    session = json.loads(stored.read_text())["sessions"]["perplexity"]
    assert (session["value"], session["cookie_name"]) == (COOKIE, name)
    assert session["source_browser"] == "firefox"
    assert stored.stat().st_mode & 0o777 == 0o600
    assert b"planted-2" not in stored.read_bytes()
    run_client(daemon.env, "accounts", "delete-key", "perplexity")
    assert COOKIE not in stored.read_text()


def test_prv_04_a_key_is_tried_before_it_is_kept(isolated_home: str, daemon: Daemon) -> None:
    """A wrong key is refused with the vendor's reason and stored nowhere; the right one is kept."""
    stored = Path(locations.credentials_path())
    with vendor("gsk-right-0123456789", body={"data": []}) as server:
        configure({"id": "groq", "provider": "groq", "base_url": server.url})
        daemon.start()
        wrong = run_client(
            daemon.env, "accounts", "set-key", "groq", stdin="gsk-wrong-0001\n", check=False
        )
        assert wrong.returncode == 4
        assert "401" in wrong.stderr
        assert "gsk-wrong-0001" not in wrong.stderr + wrong.stdout
        assert not stored.exists()
        run_client(daemon.env, "accounts", "set-key", "groq", stdin="gsk-right-0123456789\n")
        assert json.loads(stored.read_text())["keys"] == {"groq": "gsk-right-0123456789"}
        wait_until(lambda: states(daemon)["groq"]["status"] == "OK", 20.0, "figures with the key")


def test_prv_05_tokens_have_a_price(home: Path, daemon: Daemon) -> None:
    """A source that records only tokens has a cost: each kind at its own rate, to the cent."""
    write(home / ".claude/projects/p/s.jsonl", json.dumps(claude_line("msg_1")) + "\n")
    daemon.start()
    daemon.wait_idle()
    # Sonnet 4.5: 3 USD per million in, 15 out.
    assert report(daemon.env, "daily")["totals"]["cost_usd"] == pytest.approx(0.003 + 0.0015)
    page = run_client(daemon.env, "pricing", "claude-sonnet-4-5").stdout
    rates = [word for word in page.split() if word.startswith("$")]
    assert {"$3.0000", "$15.0000"} <= {with_four_digits(rate) for rate in rates}


RAW_NAMES = ("claude-opus-4-6", "claude-opus-4-6-20260101", "proxy-a")


@pytest.mark.parametrize(
    ("grouping", "rows"),
    [
        ({}, {"claude-opus-4-6": 2200, "proxy-a": 1100}),
        ({"group_by": "release"}, dict.fromkeys(RAW_NAMES, 1100)),
        ({"enabled": False}, dict.fromkeys(RAW_NAMES, 1100)),
        (
            {
                "overrides": [
                    {
                        "raw_model_id": "proxy-a",
                        "canonical_lineage_id": "anthropic/claude-opus-4.6",
                        "canonical_model": "Opus",
                    }
                ]
            },
            {"Opus": 3300},
        ),
    ],
)
def test_prv_06_spellings_of_a_model_are_one_row(
    home: Path, daemon: Daemon, grouping: dict[str, Any], rows: dict[str, int]
) -> None:
    """A release date does not make another model, unless the settings say so; settings may also
    say what a name stands for.  No token is lost or counted twice by it."""
    write(Path(locations.settings_path()), json.dumps({"model_normalization": grouping}))
    lines = [json.dumps(claude_line(f"msg_{name}", name)) for name in RAW_NAMES]
    write(home / ".claude/projects/p/s.jsonl", "\n".join(lines) + "\n")
    daemon.start()
    daemon.wait_idle()
    found = report(daemon.env, "models")
    assert {row["label"]: row["total_tokens"] for row in found["rows"]} == rows
    assert {name for row in found["rows"] for name in row["models"]} == set(RAW_NAMES)
    assert found["totals"]["total_tokens"] == 3300


def claude_line(message_id: str, model: str = "claude-sonnet-4-5-20250929") -> dict[str, Any]:
    """A response of 1,000 tokens in and 100 out."""
    return {
        "type": "assistant",
        "uuid": message_id,
        "sessionId": "s",
        "requestId": f"req_{message_id}",
        "timestamp": "2026-06-01T10:00:00.000Z",
        "cwd": "/srv/app",
        "version": "2.1.330",
        "message": {
            "id": message_id,
            "role": "assistant",
            "model": model,
            "content": [],
            "usage": {"input_tokens": 1000, "output_tokens": 100},
        },
    }


def with_four_digits(text: str) -> str:
    """`$3` and `$3.00` as `$3.0000`."""
    with contextlib.suppress(ValueError):
        return f"${float(text.strip('$,')):.4f}"
    return text
