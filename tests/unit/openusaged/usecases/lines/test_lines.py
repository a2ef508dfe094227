"""Lines of status bars: templates, colours, presets, the tool in use, what each bar gets."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage_proto.line_messages import LineParams
from openusage_proto.messages import ReportRow
from openusaged.config.dashboard import DashboardSettings
from openusaged.config.settings import Settings
from openusaged.config.tmux import ColorRule, TmuxSettings
from openusaged.core.errors import InvalidParams
from openusaged.core.models import Account, LimitMetric
from openusaged.storage.store import UsageRow
from openusaged.usecases.lines import outputs, presets, styles
from openusaged.usecases.lines.active import command_table
from openusaged.usecases.lines.figures import AccountFigures, Figures, Window
from openusaged.usecases.lines.hosts import Hosts
from openusaged.usecases.lines.line_view import LineWorld, catalog, draw_line
from openusaged.usecases.lines.scope import MODIFIERS
from openusaged.usecases.lines.template import TemplateError, parse
from openusaged.usecases.totals import sum_rows

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
ROW = UsageRow(requests=4, input=1000, output=46_000, calc_nano=1_200_000_000)


def figures_of(provider: str, **more: Any) -> AccountFigures:
    """An account that used 47k tokens for $1.20 today, an hour ago."""
    given_values: dict[str, Any] = {
        "account": Account(id=provider.replace("_", "-"), provider_id=provider),
        "title": provider.replace("_", " ").title(),
        "last_ms": NOW_MS - HOUR_MS,
        "today": sum_rows([ROW]),
        "model": "claude-opus-x",
        "project": "/w/api",
        "projects": {"/w/api": sum_rows([ROW])},
    }
    return AccountFigures(**{**given_values, **more})


CLAUDE = figures_of(
    "claude_code",
    block=ReportRow(
        key="b",
        label="b",
        cost_usd=1.05,
        requests=2,
        time_remaining_seconds=9660,
        burn_rate_usd_per_hour=1.2,
        projected_cost_usd=4.27,
    ),
    five_hour=Window(used=42.9, resets_ms=NOW_MS + 2 * HOUR_MS, length_ms=5 * HOUR_MS),
    weekly=Window(used=95, resets_ms=NOW_MS + 24 * HOUR_MS, length_ms=7 * 24 * HOUR_MS),
    metrics={"usage_five_hour": LimitMetric(key="usage_five_hour", unit="%", used=42.9)},
)
CODEX = figures_of("codex", last_ms=NOW_MS - 2 * HOUR_MS)


def world(*accounts: AccountFigures, tmux: TmuxSettings | None = None, **more: Any) -> LineWorld:
    """A moment at which these accounts are known."""
    given_values: dict[str, Any] = {
        "figures": Figures(now_ms=NOW_MS, accounts=accounts),
        "zone": UTC,
        "settings": Settings(tmux=tmux or TmuxSettings()),
        "env": {"HOME": "/nonexistent"},
        "hosts": Hosts(),
        "hides_costs": lambda _: False,
        "provider_of_command": command_table({"claude_code": ("claude",), "codex": ("codex",)}),
    }
    return LineWorld(**{**given_values, **more})


def line(template: str, *accounts: AccountFigures, **params: Any) -> str:
    """What a template says about Claude Code (or others)."""
    given_values = {"target": "plain", "format": template, **params}
    return draw_line(LineParams(**given_values), world(*(accounts or (CLAUDE,)))).text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("cost {today_cost}", "cost ≈$1.20"),
        ("{today_cost:money:0}|{today_cost:money:4}", "≈$1|≈$1.2000"),
        ("{today_cost:long} {block_remaining:long}", "≈$1.20 today 2h41m left"),
        ("{burn_rate} {burn_rate:money}", "≈$1.20/h ≈$1.20"),
        ("{block_pct} {block_pct:pct:1} {w5h}", "42% 42.9% 42%"),
        ("{block_pct:bar} {block_pct:bar:10:ascii}", "▓▓▓░░░░░ ####......"),
        ("{today_tokens:tokens} {block_remaining:duration}", "47k 2h41m"),
        ("{model:upper} {model:trunc:8}", "CLAUDE-OPUS-X claude-…"),
        ("[{provider:pad:13}][{provider:pad:13:r}]", "[claude_code  ][  claude_code]"),
        ("{plan_pct:default:none} {nothing_like_it:default:x\\:y}", "none x:y"),
        ("{?plan_pct:plan {plan_pct}:no plan}", "no plan"),
        ("{?block_pct:{?weekly:both {weekly}:one}:none}", "both 95%"),
        ("{?block_pct:a\\: {block_pct}}", "a: 42%"),
        ("\\{x\\} \\\\ \\$ \\#", "{x} \\ $ #"),
        ("{usage_five_hour}", "42%"),
        ("{reset_in} {reset_at} {weekly_reset_at}", "2h00m 10:00 Sat 08:00"),
        ("{pace} {weekly_pace}", "-17% +9%"),
        ("{lasts_until}|{weekly_lasts_until}", "|15:34"),
        ("{provider:icon}", "✳"),
        ("#{session_name}#(date)x", "x"),
        ("{project} {account} {tool}", "api claude-code Claude Code"),
    ],
)
def test_k03_grammar(template: str, text: str) -> None:
    """K03: every form of the grammar does what tmux.md section 2 says."""
    assert line(template) == text


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{today_cost", "template:1: '{' without its '}'"),
        ("a}", "template:2: '}' without '{'"),
        ("{x:wrong}", "template:1: no modifier 'wrong'; known: short"),
        ("ab {?x}", "template:4: a condition needs what follows"),
        ("{?:a}", "template:1: a condition begins with a name"),
        ("#[fg=red", "template:1: #[ without its ]"),
        ("{a b}", "template:1: 'a b' is no name"),
        ("{today_cost:money:x}", "'x' is no whole number"),
        ("{?a:" * 20 + "}" * 20, "nested deeper than 16"),
        ("x" * 5000, "longer than 4096"),
    ],
)
def test_k03_errors_are_explained_in_the_line(template: str, words: str) -> None:
    """K03: a template that cannot be read says why and where, in the bar itself."""
    assert words in line(template)


@given(st.text(alphabet="{}?:#[]()\\abc_today_cost$=,", max_size=40))
def test_k03_any_text_is_a_template_or_an_error(text: str) -> None:
    """K03: no text breaks the parser."""
    with contextlib.suppress(TemplateError):
        parse(text, MODIFIERS)


@pytest.mark.parametrize("preset", [preset.name for preset in presets.ALL])
@pytest.mark.parametrize("provider", ["claude_code", "codex", "mistral"])
def test_k02_no_preset_leaves_labels_around_nothing(preset: str, provider: str) -> None:
    """K02: a service without a figure gets a line without its label, not an empty one."""
    one = CLAUDE if provider == "claude_code" else figures_of(provider)
    if provider == "mistral":
        one = replace(one, today=None, model="", project="", projects={})
    text = draw_line(LineParams(target="plain", preset=preset), world(one)).text
    assert not re.search(r"(5h|wk|plan|ctx|until|→|🔥|🧠|💰)\s*($|[│(])|\(\)|\s{3,}", text), text


def test_k02_there_are_at_least_twelve_presets_and_samples() -> None:
    """K02: twelve templates or more, each with a description and a sample."""
    assert len(presets.BY_NAME) >= 12
    assert all(preset.description and preset.sample for preset in presets.ALL)


def test_k04_a_segment_is_its_value_only() -> None:
    """K04: one segment without a template around it."""
    params = LineParams(target="plain", segment="block")
    assert draw_line(params, world(CLAUDE)).text == "≈$1.05 2h41m left"
    with pytest.raises(InvalidParams, match="no segment 'blok'; known: cost"):
        draw_line(LineParams(segment="blok"), world(CLAUDE))
    with pytest.raises(InvalidParams, match="only one"):
        draw_line(LineParams(segment="block", preset="burn"), world(CLAUDE))


def test_k05_users_variables_segments_and_rules() -> None:
    """K05: names of one's own win, may use each other, and colours follow one's own marks."""
    tmux = TmuxSettings(
        format="{mine} {cost}",
        variables={"mine": "<{inner}>", "inner": "{block_pct}", "loop": "{loop}"},
        segments={"cost": "C{today_cost}"},
        color_rules={"block_pct": ColorRule(medium_at=40, medium_color="#123456")},
    )
    assert draw_line(LineParams(target="plain"), world(CLAUDE, tmux=tmux)).text == ("<42%> C≈$1.20")
    ours = LineParams(format="{block_pct:color}{loop}")
    text = draw_line(ours, world(CLAUDE, tmux=tmux)).text
    assert text == "#[fg=#123456]42%#[fg=default]"


def test_k06_the_tool_in_use() -> None:
    """K06: the last used, the pane's own, else the first of the order that says something."""
    assert line("{provider}", CODEX, CLAUDE) == "claude_code"
    assert line("{provider}", CODEX, CLAUDE, pane_command="/usr/bin/codex") == "codex"
    assert line("{provider}", CODEX, CLAUDE, pane_command="vim") == "claude_code"
    old = replace(CODEX, last_ms=NOW_MS - 9 * HOUR_MS)
    quiet = replace(CLAUDE, last_ms=None)
    assert line("{provider}", old, quiet) == "claude_code"
    assert line("{provider}", old, quiet, strategy="recency") == "codex"
    with pytest.raises(InvalidParams, match="'age' is none of recency"):
        line("{provider}", strategy="age")


def test_k07_a_pinned_provider_is_the_only_one() -> None:
    """K07: only the pinned service; one that is not here is named with those that are."""
    assert line("{provider}", CODEX, CLAUDE, provider="codex") == "codex"
    assert line("{provider}", CODEX, CLAUDE, account="codex") == "codex"
    with pytest.raises(InvalidParams, match=r"nothing of 'zed' is here; found: claude_code, codex"):
        line("x", CODEX, CLAUDE, provider="zed")


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("truecolor", "#[fg=#d97757]✳#[fg=default] #[bg=#102030]x"),
        ("256", "#[fg=colour173]✳#[fg=default] #[bg=colour234]x"),
        ("ansi", "#[fg=red]✳#[fg=default] #[bg=black]x"),
        ("none", "✳ x"),
    ],
)
def test_k08_every_colour_follows_the_mode(mode: str, text: str) -> None:
    """K08: brands and colours of the template, too, are told in the mode that was asked for."""
    shown = line("{provider:icon:brand} #[bg=#102030]x", target="tmux", color_mode=mode)
    assert shown == text


@pytest.mark.parametrize(
    ("value", "name"), [(10, "green"), (69.9, "green"), (70, "yellow"), (90, "red")]
)
def test_k08_thresholds(value: float, name: str) -> None:
    """K08: a limit is green below 70, yellow below 90, then red, in the theme's own colours."""
    one = replace(CLAUDE, five_hour=Window(used=value))
    shown = line("{block_pct:color}", one, target="tmux")
    palette = styles.palette_of("openusage-dark", {"HOME": "/nonexistent"})
    assert shown.startswith(f"#[fg={palette[name]}]")


def test_k08_unknown_tokens_and_themes_cost_only_the_colour() -> None:
    """K08: a token that no theme has is left out; a theme that is not there has fallbacks."""
    assert line("#[fg=$nope,bold]x", target="tmux") == "#[bold]x"
    assert styles.palette_of("no-such", {"HOME": "/nonexistent"}) == styles.FALLBACK
    assert styles.palette_of("../../etc/passwd", {"HOME": "/nonexistent"}) == styles.FALLBACK


@pytest.mark.parametrize(
    ("tier", "icon"), [("ascii", "[claude]"), ("unicode", "✳"), ("nerdfont", "\uf069")]
)
def test_k09_every_tier_has_a_sign(tier: str, icon: str) -> None:
    """K09: each tier has a sign for every service, known or not."""
    assert line("{provider:icon}", glyphs=tier) == icon
    assert styles.icon_of("brand_new", tier)


def test_k09_ascii_lines_are_ascii() -> None:
    """K09: with plain characters nothing of ours is beyond ASCII."""
    every = " ".join(f"{{{name}}}" for name in ("today_cost", "block_pct", "model", "burn_rate"))
    assert line(every + "{block_pct:bar}{model:trunc:5}", glyphs="ascii").isascii()


def test_k11_json_has_figures_and_nothing_else() -> None:
    """K11: the payload is figures by documented names, no raw answer of a vendor."""
    answer = json.loads(draw_line(LineParams(target="json"), world(CLAUDE)).text)
    assert answer["provider"] == "claude_code"
    assert (answer["state"], answer["percentage"]) == ("critical", 95)
    assert answer["values"]["today_cost"] == 1.2
    assert answer["values"]["plan_pct"] is None
    assert set(answer) == {
        *("schema_version", "generated_at", "provider", "account", "rendered", "state"),
        *("percentage", "values"),
    }


def test_what_each_bar_gets() -> None:
    """The same line in the form of each bar; the markup of one is not that of another."""
    params = {"format": "#[fg=#d97757]a<b#[default] {block_pct}"}
    waybar = json.loads(draw_line(LineParams(target="waybar", **params), world(CLAUDE)).text)
    assert waybar["text"] == "a&lt;b 42%"
    assert (waybar["class"], waybar["percentage"]) == ("critical", 95)
    assert "5h 42% (resets in 2h00m)" in waybar["tooltip"]
    polybar = draw_line(LineParams(target="polybar", **params), world(CLAUDE)).text
    assert polybar.startswith("%{F#d97757}a<b%{F- B-} 42%")
    sketchy = json.loads(draw_line(LineParams(target="sketchybar", **params), world(CLAUDE)).text)
    assert sketchy["label"] == "a<b 42%"
    assert sketchy["label.color"].startswith("0xff")
    ansi = draw_line(LineParams(target="ansi", **params), world(CLAUDE)).text
    assert ansi == "\x1b[38;2;217;119;87ma<b\x1b[0m 42%\x1b[0m"


@pytest.mark.parametrize("target", ["waybar", "sketchybar", "json"])
def test_errors_are_json_where_json_is_read(target: str) -> None:
    """A bar that reads JSON gets its error as JSON."""
    assert json.loads(line("{", target=target))


def test_values_cannot_inject_directives() -> None:
    """A model's or project's name is text, whatever is in it."""
    evil = replace(CLAUDE, model="#(rm -rf ~)#[fg=red]\x1b[2J", project="")
    shown = line("{model}", evil, target="tmux")
    assert shown == "##(rm -rf ~)##[fg=red][2J"
    assert outputs.to_plain(shown) == "#(rm -rf ~)#[fg=red][2J"


def test_hidden_costs_are_nowhere() -> None:
    """Whoever hides costs sees none in bars, tooltips or JSON."""
    hidden = world(CLAUDE, hides_costs=lambda _: True, settings=Settings(dashboard=_HIDDEN))
    for target in ("waybar", "json", "tmux"):
        for preset in presets.BY_NAME:
            text = draw_line(LineParams(target=target, preset=preset), hidden).text
            assert "$" not in text, (target, preset, text)
            assert '"today_cost":1.2' not in text


_HIDDEN = DashboardSettings(hide_costs=True)


def test_k01_no_accounts_is_still_a_line() -> None:
    """K01: on a machine without any tool every preset still ends in a line or in nothing."""
    for preset in presets.BY_NAME:
        draw_line(LineParams(preset=preset), world())


def test_context_comes_from_the_session_itself() -> None:
    """What a session said through its own status line is shown elsewhere while it is fresh."""
    hosts = Hosts()
    payload = {
        "session_id": "s",
        "transcript_path": "/h/x.jsonl",
        "cwd": "/w/api",
        "model": {"display_name": "Opus X"},
        "context_window": {"used_percentage": 48.2},
    }
    hosts.note(payload, "claude-code", NOW_MS - HOUR_MS)
    shown = draw_line(
        LineParams(target="plain", format="{context_pct} {model}"), world(CLAUDE, hosts=hosts)
    )
    assert shown.text == "48% Opus X"
    assert hosts.latest("claude-code", NOW_MS + 9 * HOUR_MS) is None
    assert hosts.latest("other", NOW_MS) is None
    hosts.note({**payload, "session_id": "trial", "transcript_path": None}, "claude-code", NOW_MS)
    hosts.note({"session_id": 5}, "claude-code", NOW_MS)
    assert hosts.latest("claude-code", NOW_MS, "/w") is not None


def test_k18_the_catalogue_matches_reality() -> None:
    """K18: everything that is listed can be drawn, and says what it would say."""
    found = catalog(world(CLAUDE, tmux=TmuxSettings(variables={"mine": "{tool}!"})), {"model": "m"})
    values = {one.name: one.value for one in found.variables}
    assert values["mine"] == "Claude Code!"
    assert values["today_cost"] == "≈$1.20"
    assert {one.name for one in found.modifiers} == set(MODIFIERS)
    for one in found.segments:
        draw_line(LineParams(segment=one.name), world(CLAUDE))
