"""What becomes of news: told, held, muted, too soon, without a way; and of the highest alone."""

from __future__ import annotations

from typing import Any

from openusage_proto.alert_messages import AlertFacts
from openusaged.storage.store import AlertRecord, AlertState
from openusaged.usecases.alerts.ledger import Ledger, Manners
from openusaged.usecases.alerts.memory import Finding

NOW = 1_800_000_000_000


def finding(rule: str, *, holds: bool = True, **more: Any) -> Finding:
    given: dict[str, Any] = {
        "rule": rule,
        "subject": "a/week",
        "holds": holds,
        "clear": not holds,
        "facts": lambda: AlertFacts(rule=rule, kind="limit", at="", text="t"),
    }
    return Finding(**(given | more))


def manners(now_ms: int = NOW, **more: Any) -> Manners:
    given: dict[str, Any] = {
        "now_ms": now_ms,
        "cooldown_ms": 60_000,
        "quiet": False,
        "has_channels": True,
    }
    return Manners(**(given | more))


def outcomes(records: list[AlertRecord]) -> list[tuple[str, str]]:
    return [(record.rule, record.outcome) for record in records]


def test_of_several_thresholds_the_highest_is_told() -> None:
    """Who is at 96 % hears of 95, not of 80 as well, and of neither again."""
    ledger = Ledger()
    both = [finding("limit-80", group="g", rank=80), finding("limit-95", group="g", rank=95)]
    states, records = ledger.take(both, manners())
    assert outcomes(records) == [("limit-95", "pending")]
    assert [state.fired_ms for state in states] == [NOW, NOW]
    assert ledger.take(both, manners(NOW + 1)) == ([], [])


def test_outcomes() -> None:
    """Each reason not to tell is its own word."""
    ledger = Ledger()
    assert outcomes(ledger.take([finding("a")], manners(quiet=True))[1]) == [("a", "held")]
    assert outcomes(ledger.take([finding("b")], manners(has_channels=False))[1]) == [
        ("b", "silent")
    ]
    ledger.mutes = {"c": NOW + 1}
    assert outcomes(ledger.take([finding("c")], manners())[1]) == [("c", "muted")]
    ledger.mutes = {"": NOW}
    assert outcomes(ledger.take([finding("d")], manners())[1]) == [("d", "pending")]


def test_what_comes_back_too_soon_is_not_told() -> None:
    """Within the cooldown it is recorded, not delivered; its time is that of the first."""
    ledger = Ledger()
    ledger.take([finding("a")], manners())
    ledger.take([finding("a", holds=False)], manners(NOW + 1))
    states, records = ledger.take([finding("a")], manners(NOW + 2))
    assert outcomes(records) == [("a", "cooldown")]
    assert [state.fired_ms for state in states] == [NOW]


def test_a_budget_is_muted_as_a_whole() -> None:
    """`budget:all` silences each of its shares."""
    ledger = Ledger()
    ledger.mutes = {"budget:all": NOW + 5}
    assert ledger.muted_until("budget:all@80", NOW) == NOW + 5
    assert ledger.muted_until("budget:other@80", NOW) is None


def test_conditions_that_never_held_are_not_stored() -> None:
    """Nothing is written for figures that are far from every threshold."""
    assert Ledger().take([finding("a", holds=False)], manners()) == ([], [])


def test_rules_that_are_gone_are_forgotten() -> None:
    """A rule that is taken away and made anew starts from nothing."""
    ledger = Ledger()
    ledger.load(
        [AlertState(rule=name, subject="s", active=True, fired_ms=3) for name in ("a", "b")], {}
    )
    assert ledger.active("a") == ["s"]
    assert ledger.fired_ms("a") == 3
    assert ledger.forget(["b"]) == ("a",)
    assert ledger.active("a") == []
    assert ledger.fired_ms("a") is None


def test_what_was_held_is_told_if_it_lasts() -> None:
    """After quiet hours: what still holds, and every reset."""
    ledger = Ledger()
    (held,) = ledger.take([finding("a")], manners(quiet=True))[1]
    assert ledger.still_holds(held)
    ledger.take([finding("a", holds=False)], manners(NOW + 1))
    assert not ledger.still_holds(held)
    reset = finding(
        "r",
        is_reset=True,
        window_ms=NOW + 10,
        facts=lambda: AlertFacts(rule="r", kind="reset", at="", text=""),
    )
    ledger.take([reset], manners())
    over = Finding(
        rule="r", subject="a/week", holds=False, clear=False, is_reset=True, window_ms=NOW + 10,
        facts=reset.facts,
    )  # fmt: skip
    (told,) = ledger.take([over], manners(NOW + 20, quiet=True))[1]
    assert ledger.still_holds(told)
