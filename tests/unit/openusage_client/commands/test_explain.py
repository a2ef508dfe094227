"""`openusage explain`: what is asked for each report's row, what is printed, what is refused."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable

import pytest

from openusage_proto import methods
from tests.support import detail_samples as details
from tests.support.scripted_peer import Refusal, ScriptedPeer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def answer(peer: ScriptedPeer) -> None:
    """The daemon explains a number."""
    peer.answers[methods.EXPLAIN] = details.explanation(events="two")


def asked(peer: ScriptedPeer) -> dict[str, object]:
    """What the daemon was asked, without the zone."""
    (params,) = peer.params_of(methods.EXPLAIN)
    return {name: value for name, value in params.items() if name not in ("tz", "mode", "events")}


@pytest.mark.parametrize(("line", "expected"), [
    ("daily 20261120", {"since": "2026-11-20", "until": "2026-11-20"}),
    ("weekly 2026-11-20", {"since": "2026-11-16", "until": "2026-11-22"}),
    ("weekly 2026-11-22 --week-start sunday", {"since": "2026-11-22", "until": "2026-11-28"}),
    ("monthly 2026-12", {"since": "2026-12-01", "until": "2026-12-31"}),
    ("blocks 2026-11-20T10:00", {"since": "2026-11-20T10:00:00", "until": "2026-11-20T15:00:00"}),
    ("session 0198c1d2", {"session": "0198c1d2"}),
    ("models m-1", {"model": "m-1", "window": "all"}),
    ("projects api --since 2026-11-01", {"project": "api", "since": "2026-11-01"}),
    ("branches main", {"branch": "main", "window": "all"}),
    ("total", {"window": "all"}),
    ("daily 2026-11-20 --model m --provider p --project q --branch b --account a --client c",
     {"since": "2026-11-20", "until": "2026-11-20", "model": "m", "provider": "p",
      "project": "q", "branch": "b", "account": "a", "client": "c"}),
])  # fmt: skip
def test_every_row_of_a_report_can_be_asked_about(
    run: Run, peer: ScriptedPeer, line: str, expected: dict[str, object]
) -> None:
    """The key and the flags become the range and the filters of the same meaning."""
    code, _out, err = run("explain", *shlex.split(line))
    assert (code, err) == (0, "")
    assert asked(peer) == expected


def test_page_shows_events_prices_and_query(run: Run, peer: ScriptedPeer) -> None:
    """Without a terminal it is plain text, whole."""
    code, out, _ = run("explain", "daily", "2026-03-12", "--events", "2", "-z", "Europe/Berlin")
    assert code == 0
    for words in ("Total tokens        1,240,000", "40 events from the hook of the tool",
                  "orchid-large-4-5 by genai-prices", "Events the latest 2 of 57",
                  "SELECT SUM(requests)"):  # fmt: skip
        assert words in out
    assert "\x1b" not in out
    (params,) = peer.params_of(methods.EXPLAIN)
    assert (params["events"], params["tz"]) == (2, "Europe/Berlin")


def test_json_is_the_answer_of_the_daemon(run: Run) -> None:
    """Every field, for scripts."""
    code, out, _ = run("explain", "total", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(
        json.dumps(dataclasses.asdict(details.explanation(events="two")))
    )


@pytest.mark.parametrize(("line", "words"), [
    ("daily", "`explain daily` needs a day, YYYY-MM-DD"),
    ("daily 2026-13-01", "'2026-13-01' is no date; write YYYY-MM-DD"),
    ("monthly 2026-11-20", "'2026-11-20' is no month; write YYYY-MM"),
    ("monthly soon", "'soon' is no month"),
    ("blocks 2026-11-20", "'2026-11-20' is no time; write e.g. 2026-11-20T10:00"),
    ("blocks now", "'now' is no time"),
    ("total api", "`explain total` takes no key"),
    ("daily 2026-11-20 --since 2026-11-01", "has its range in the key"),
    ("total --since 2026-11-02 --until 2026-11-01", "is after --until"),
    ("yearly 2026", "invalid choice: 'yearly'"),
    ("total --events many", "'many' is no number from 0 to 500"),
    ("total -z Mars/Base", "is no time zone"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_hint(run: Run, line: str, words: str) -> None:
    """Exit code 2 and a sentence that helps; the daemon is not asked."""
    code, out, err = run("explain", *shlex.split(line))
    assert (code, out) == (2, "")
    assert words in err


def test_an_unknown_name_is_refused_by_the_daemon(run: Run, peer: ScriptedPeer) -> None:
    """The daemon's own words, with its suggestion."""
    detail = "model: none of this name was used; did you mean claude-sonnet-4-5?"
    peer.answers[methods.EXPLAIN] = Refusal(-32602, "invalid_params", {"detail": detail})
    code, out, err = run("explain", "models", "claude-sonet")
    assert (code, out) == (2, "")
    assert detail in err
