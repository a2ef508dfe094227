"""The templates that come with the program; every label stands in a condition of its own."""

from __future__ import annotations

from typing import Final

from openusage_proto.line_messages import LinePreset

DEFAULT: Final = "compact"


def _preset(name: str, glyphs: str, description: str, template: str, sample: str) -> LinePreset:
    return LinePreset(
        name=name, description=description, format=template, glyphs=glyphs, sample=sample
    )


ALL: Final = (
    _preset(
        "compact",
        "unicode",
        "sign, both limits, plan, today's cost",
        "{provider:icon:brand}{?block_pct: {block_pct:color}}{?weekly: wk {weekly:color}}"
        "{?plan_pct: plan {plan_pct:color}}{?today_cost: {today_cost}}",
        "✳ 42% wk 18% ≈$3.10",
    ),
    _preset(
        "minimal",
        "ascii",
        "tool and today's cost",
        "{provider}{?today_cost: {today_cost}}",
        "claude_code ~$3.10",
    ),
    _preset("cost-only", "ascii", "today's cost", "{today_cost}", "~$3.10"),
    _preset(
        "ascii-safe",
        "ascii",
        "everything in plain characters",
        "[{provider:upper}]{?today_cost: {today_cost}}{?block_pct: 5h {block_pct}}"
        "{?burn_rate: {burn_rate}}{?context_pct: ctx {context_pct}}",
        "[CLAUDE_CODE] ~$3.10 5h 42% ~$1.20/h ctx 48%",
    ),
    _preset(
        "claude-focused",
        "unicode",
        "model, block with time left, burn rate, context",
        "{model:trunc:14}{?block_cost: │ {block_cost}{?block_remaining: {block_remaining} left}}"
        "{?burn_rate: │ {burn_rate}}{?context_pct: │ ctx {context_pct:color}}",
        "Opus X │ ≈$1.05 2h41m left │ ≈$1.20/h │ ctx 48%",
    ),
    _preset(
        "verbose",
        "unicode",
        "sign, model, costs of day and block, burn rate, context",
        "{provider:icon:brand} {model:trunc:12}{?today_cost: │ {today_cost} today}"
        "{?block_cost: │ {block_cost} block}{?burn_rate: │ {burn_rate}}"
        "{?context_tokens: │ {context_tokens}}{?context_pct: ({context_pct:color})}",
        "✳ Opus X │ ≈$3.10 today │ ≈$1.05 block │ ≈$1.20/h │ 96k (48%)",
    ),
    _preset(
        "burn",
        "unicode",
        "burn rate and what the block will come to",
        "{?burn_rate:{burn_rate}}{?block_projection: → {block_projection}}",
        "≈$1.20/h → ≈$4.27",
    ),
    _preset(
        "emoji-rich",
        "unicode",
        "with pictures",
        "🤖 {tool}{?today_cost: 💰 {today_cost}}{?requests_today: 📨 {requests_today}}"
        "{?burn_rate: 🔥 {burn_rate}}{?context_pct: 🧠 {context_pct:color}}",
        "🤖 Claude Code 💰 ≈$3.10 📨 58 🔥 ≈$1.20/h 🧠 48%",
    ),
    _preset(
        "themed",
        "unicode",
        "in the colours of the theme",
        "#[fg=$accent]{provider:icon}#[fg=$green]{?today_cost: {today_cost}}"
        "#[fg=$peach]{?burn_rate: {burn_rate}}#[default]",
        "✳ ≈$3.10 ≈$1.20/h",
    ),
    _preset(
        "nerdfont",
        "nerdfont",
        "with signs of a Nerd Font",
        "{provider:icon:brand} {tool}{?today_cost: \uf155 {today_cost}}"
        "{?burn_rate: \uf06d {burn_rate}}",
        "\uf069 Claude Code \uf155 ≈$3.10 \uf06d ≈$1.20/h",
    ),
    _preset(
        "powerline",
        "nerdfont",
        "three filled pieces",
        "#[fg=$surface0]\ue0b2#[fg=$text,bg=$surface0] {provider:icon} {tool} "
        "{?today_cost:#[fg=$surface1,bg=$surface0]\ue0b2#[fg=$text,bg=$surface1] {today_cost} }"
        "{?block_pct:#[fg=$accent]\ue0b2#[fg=$mantle,bg=$accent] 5h {block_pct} }#[default]",
        "\ue0b2 \uf069 Claude Code \ue0b2 ≈$3.10 \ue0b2 5h 42%",
    ),
    _preset("multi-tool", "unicode", "every tool used lately", "{active_tools}", "✳ 42% ◎ 7%"),
    _preset(
        "limits",
        "unicode",
        "both limits with bars, reset and pace",
        "{?block_pct:5h {block_pct:bar:8:color} {block_pct}}{?reset_in: ↻{reset_in}}"
        "{?pace: {pace}}{?weekly: │ wk {weekly:bar:8:color} {weekly}}",
        "5h ▓▓▓░░░░░ 42% ↻2h41m -4% │ wk ▓░░░░░░░ 18%",
    ),
    _preset(
        "lasts",
        "unicode",
        "how long the limits last at this pace",
        "{?block_pct:5h {block_pct:color}}{?lasts_until: until {lasts_until}}"
        "{?weekly: │ wk {weekly:color}}{?weekly_lasts_until: until {weekly_lasts_until}}",
        "5h 62% until 16:40 │ wk 18%",
    ),
    _preset(
        "pane",
        "unicode",
        "tool and project of one pane",
        "{provider:icon:brand}{?project: {project:trunc:18}}{?project_cost: {project_cost}}"
        "{?block_pct: 5h {block_pct:color}}",
        "✳ api ≈$0.85 5h 42%",
    ),
)
BY_NAME: Final = {preset.name: preset for preset in ALL}
