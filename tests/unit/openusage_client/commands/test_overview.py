"""`openusage overview`: accounts, limits and three windows side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from openusage_client.commands.overview import WINDOWS, overview_lines
from openusage_client.headroom import most_room, tightest_limit
from openusage_client.terminal import Style
from openusage_proto.messages import AccountSnapshot, Metric, ReadModel
from tests.support import wire_samples
from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]
PLAIN = Style(color=False, unicode=True)


def models() -> dict[str, ReadModel]:
    return {window: wire_samples.read_model(window) for window in WINDOWS}


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_page_golden(width: int, check_screen: Callable[[str, str, int], None]) -> None:
    """The overview fits every width and looks as reviewed."""
    text = "\n".join(overview_lines(models(), width=width, style=PLAIN)) + "\n"
    check_screen("overview", text, width)


def test_three_windows_are_asked_in_the_callers_zone(run: Run, peer: ScriptedPeer) -> None:
    """Today, 7 and 30 days come from one zone."""
    assert run("overview", "-z", "Asia/Kathmandu")[0] == 0
    asked = peer.params_of("read_model")
    assert asked == [{"window": window, "tz": "Asia/Kathmandu"} for window in WINDOWS]


def test_json_has_usage_per_window(run: Run, peer: ScriptedPeer) -> None:
    """The JSON holds limits, and sums per window; unknown usage is null, not 0."""
    code, out, err = run("overview", "--json")
    assert (code, err) == (0, "")
    overview = json.loads(out)
    assert overview["schema_version"] == 1
    claude, _, work, _ = overview["accounts"]
    sums = {window: claude["usage"][window]["total_tokens"] for window in WINDOWS}
    assert sums == {"1d": 5000, "7d": 75000, "30d": 3_200_000}
    assert claude["metrics"][0]["used"] == 42.7
    assert work["usage"] == dict.fromkeys(WINDOWS)
    assert overview["totals"]["30d"]["total_tokens"] == 5_120_000
    assert overview["unpriced_models"] == ["mystery-1"]
    assert overview["unmapped"][0]["source"] == "my_tool"


def test_settings_decide_order_and_costs_of_the_page_only(run: Run, peer: ScriptedPeer) -> None:
    """The table follows the settings, the JSON stays the data it is."""
    before = run("overview", "--json")[1]
    listed = [{"account_id": "codex", "hide_costs": False}]
    dashboard = {"hide_costs": True, "providers": listed}
    peer.answers["settings_get"] = {"settings": {"dashboard": dashboard}}
    code, out, _ = run("overview")
    assert code == 0
    lines = out.splitlines()
    assert lines[3].startswith("Codex")
    assert "$" in lines[3]
    assert not [line for line in lines[4:] if "$" in line and "list price" not in line]
    assert run("overview", "--json")[1] == before


def test_a_flat_rate_s_missing_cost_is_explained(run: Run, peer: ScriptedPeer) -> None:
    """Who sees tokens without an amount is told why and where the amount is."""
    note = "on a flat rate, so its tokens have no price here"
    assert note not in run("overview")[1]
    model = wire_samples.read_model("30d")
    codex = next(one for one in model.accounts if one.provider_id == "codex")
    codex = replace(codex, attributes={"plan_type": "plus"})
    model = replace(model, accounts=[codex])
    peer.answers["read_model"] = asdict(model)
    assert f"{codex.title}: {note}" in run("overview")[1]
    peer.answers["settings_get"] = {"settings": {"dashboard": {"hide_costs": True}}}
    assert note not in run("overview")[1]


def test_machine_without_tools_says_what_to_do() -> None:
    """No account is an explanation, not an empty table."""
    empty = {
        window: replace(model, accounts=[], unmapped=[], unpriced_models=[], totals=None)
        for window, model in models().items()
    }
    text = "\n".join(overview_lines(empty, width=None, style=PLAIN))
    assert "No AI tool was found" in text
    assert "openusage demo" in text
    assert "TOTAL" not in text


def test_demo_is_labelled() -> None:
    """Sample data says so in the first line."""
    demo = {window: replace(model, demo=True) for window, model in models().items()}
    assert overview_lines(demo, width=80, style=PLAIN)[0].endswith("DEMO DATA")


def test_account_of_one_window_only() -> None:
    """An account that a window does not know is unknown there, not zero."""
    mixed = models()
    mixed["1d"] = replace(mixed["1d"], accounts=[], totals=None)
    line = overview_lines(mixed, width=120, style=PLAIN)[3]
    assert line.split()[-5:] == ["-", "75.0k", "≈$7.50", "3.2M", "≈$320.00"]


def test_tightest_limit_is_by_share_used() -> None:
    """The limit nearest its end is shown, whichever of used, limit and remaining it gives."""
    five = Metric(key="a", unit="%", used=50.0)
    left = Metric(key="b", unit="requests", limit=100.0, remaining=40.0)
    balance = Metric(key="c", unit="credits", remaining=3.0)
    unknown = Metric(key="d", unit="%")
    assert tightest_limit([five, left, balance, unknown]) == (left, 60.0)
    assert tightest_limit([balance, unknown]) is None


def test_m08_what_to_use_next() -> None:
    """M08: the account whose tightest limit is used least; not one that is stale, full or alone."""
    first = models()["30d"].accounts[0]

    def account(name: str, *used: float, **more: object) -> AccountSnapshot:
        metrics = [Metric(key=f"w{n}", unit="%", window="7d", used=part)
                   for n, part in enumerate(used)]  # fmt: skip
        fields = {"account_id": name, "title": name, "metrics": metrics, "stale_since": None}
        return replace(first, **{**fields, **more})

    def free(*accounts: AccountSnapshot) -> str | None:
        found = most_room(accounts)
        return found.account_id if found is not None else None

    busy, calm = account("busy", 5.0, 90.0), account("calm", 40.0, 41.0)
    assert free(busy, calm) == "calm"
    assert free(busy) is None
    assert free(busy, account("old", 1.0, stale_since="2026-03-01T00:00:00Z")) is None
    assert free(busy, calm, account("out", 1.0, status="AUTH_REQUIRED")) == "calm"
    assert free(account("a", 100.0), account("b", 130.0)) is None
    cycle = Metric(key="cycle_progress", unit="%", used=99.0)
    assert free(busy, replace(calm, metrics=[*calm.metrics, cycle])) == "calm"
    page = models()
    page["30d"] = replace(page["30d"], accounts=[busy, calm])
    lines = overview_lines(page, width=120, style=PLAIN)
    assert "Most room left: calm (7d 41% used)." in lines


def test_limit_without_window_uses_its_words() -> None:
    """A limit is named by window, label or key, in this order."""
    base = models()
    account = base["30d"].accounts[0]
    for metric, words in (
        (
            Metric(key="spend", unit="USD", limit=10.0, used=5.0, label="Monthly"),
            "Monthly 50% used",
        ),
        (Metric(key="spend", unit="USD", limit=10.0, used=5.0), "spend 50% used"),
    ):
        changed = replace(base["30d"], accounts=[replace(account, metrics=[metric], status="NEW")])
        lines = overview_lines(base | {"30d": changed}, width=120, style=PLAIN)
        assert words in lines[3]
        assert "Claude Code: new" in lines


def test_stale_without_reason_still_says_its_age() -> None:
    """An old figure is never shown as a fresh one."""
    base = models()
    codex = replace(base["30d"].accounts[1], stale_reason="")
    changed = replace(base["30d"], accounts=[codex])
    lines = overview_lines(base | {"30d": changed}, width=120, style=PLAIN)
    assert "Codex: limits are from 3h ago" in lines
