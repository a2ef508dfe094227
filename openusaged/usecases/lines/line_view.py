"""
Composes the line of a status bar: settings and parameters to a template, a template to a bar.

Precedence: what was asked for, then the settings, then the built-in; among shapes a segment, then
a template, then a preset.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Final

from openusage_proto.line_messages import LineCatalog, LineName, LineParams, LineResult
from openusage_proto.values import dataclass
from openusaged.config.settings import Settings
from openusaged.config.tmux import TmuxSettings
from openusaged.core.errors import InvalidParams
from openusaged.core.models import Account
from openusaged.core.windows import iso
from openusaged.usecases.lines import outputs, presets, template
from openusaged.usecases.lines.active import STRATEGIES, Choice, choose
from openusaged.usecases.lines.figures import AccountFigures, Figures
from openusaged.usecases.lines.hosts import Hosts
from openusaged.usecases.lines.outputs import Details
from openusaged.usecases.lines.scope import MODIFIERS, LineScope, Look
from openusaged.usecases.lines.styles import FALLBACK, palette_of, theme_names
from openusaged.usecases.lines.template import TemplateError
from openusaged.usecases.lines.values import Value
from openusaged.usecases.lines.variables import (
    ACTIVE_TOOLS,
    SEGMENTS,
    VARIABLES,
    Subject,
    variable,
)
from openusaged.usecases.statusline import compact, duration, whole

ERROR_CHARS: Final = 120
_STATES: Final = ((90.0, "critical"), (70.0, "warning"), (0.0, "ok"))
_STATE_TOKENS: Final = {"critical": "red", "warning": "yellow", "ok": "green"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineWorld:
    """What a line is drawn from, at one moment."""

    figures: Figures
    zone: tzinfo
    settings: Settings
    env: Mapping[str, str]
    hosts: Hosts
    hides_costs: Callable[[Account], bool]
    provider_of_command: Callable[[str], str]


def draw_line(params: LineParams, world: LineWorld) -> LineResult:
    """
    The line for a bar; a template that cannot be read says so in the line.

    Raises:
        InvalidParams: two shapes at once, or a name that there is not.
    """
    tmux = world.settings.tmux
    text, glyphs = _template(params, tmux)
    one, candidates = choose(world.figures, _choice(params, tmux, world), world.provider_of_command)
    subject = _subject(one, params, world)
    look = _look(params, world.settings, glyphs, world.env)
    try:
        line = _draw(text, subject, look, candidates)
    except TemplateError as error:
        return LineResult(text=_error_text(str(error)[:ERROR_CHARS], params.target))
    return LineResult(text=_output(line, params, subject, look))


def _error_text(words: str, target: str) -> str:
    if target == "waybar":
        return json.dumps({"text": words, "tooltip": words, "class": "error"}, ensure_ascii=False)
    if target == "sketchybar":
        return json.dumps({"label": words, "state": "error"}, ensure_ascii=False)
    if target == "json":
        return json.dumps({"error": words}, ensure_ascii=False)
    return words.replace("#", "##") if target == "tmux" else words


def _draw(text: str, subject: Subject, look: Look, candidates: list[AccountFigures]) -> str:
    parts = template.parse(text, MODIFIERS)

    def tools() -> str:
        """Every candidate's own short line."""
        shown = template.parse(
            "{provider:icon:brand}{?block_pct: {block_pct:color}}"
            "{?plan_pct: {plan_pct:color}}{?today_cost: {today_cost}}",
            MODIFIERS,
        )
        lines = []
        for one in candidates:
            own = Subject(
                figures=subject.figures, zone=subject.zone, one=one, hide_costs=subject.hide_costs
            )
            lines.append(template.draw(shown, LineScope(own, look, lambda: "")))
        return "  ".join(lines)

    return template.draw(parts, LineScope(subject, look, tools)).strip()


def _template(params: LineParams, tmux: TmuxSettings) -> tuple[str, str]:
    """The template, and the tier of glyphs that comes with it."""
    asked = [name for name in ("preset", "format", "segment") if getattr(params, name)]
    if len(asked) > 1:
        raise InvalidParams(f"{asked[1]}: give only one of preset, format and segment")
    if params.segment:
        return _segment(params.segment, tmux), ""
    if params.format or (not params.preset and tmux.format):
        return params.format or tmux.format, ""
    name = params.preset or tmux.preset or presets.DEFAULT
    found = presets.BY_NAME.get(name)
    if found is None:
        if not params.preset:
            # A slip in the settings is no reason to show nothing.
            found = presets.BY_NAME[presets.DEFAULT]
        else:
            known = ", ".join(presets.BY_NAME)
            raise InvalidParams(f"preset: no preset {name!r}; known: {known}")
    return found.format, found.glyphs


def _segment(name: str, tmux: TmuxSettings) -> str:
    if name in tmux.segments:
        return tmux.segments[name]
    if name in SEGMENTS:
        return SEGMENTS[name][1]
    if name == ACTIVE_TOOLS:
        return f"{{{ACTIVE_TOOLS}}}"
    known = ", ".join([*tmux.segments, *SEGMENTS, ACTIVE_TOOLS])
    raise InvalidParams(f"segment: no segment {name!r}; known: {known}")


def _choice(params: LineParams, tmux: TmuxSettings, world: LineWorld) -> Choice:
    provider = params.provider or (tmux.provider if not params.pane_command else "")
    known = {one.account.provider_id for one in world.figures.accounts}
    if params.provider and params.provider not in known:
        names = ", ".join(sorted(known)) or "none"
        raise InvalidParams(f"provider: nothing of {provider!r} is here; found: {names}")
    ids = {one.account.id for one in world.figures.accounts}
    if params.account and params.account not in ids:
        names = ", ".join(sorted(ids)) or "none"
        raise InvalidParams(f"account: there is no {params.account!r}; found: {names}")
    words = [word.strip() for word in (params.strategy or tmux.active_strategy).split(",")]
    for word in words:
        if word not in STRATEGIES:
            raise InvalidParams(f"strategy: {word!r} is none of {', '.join(STRATEGIES)}")
    return Choice(
        provider=provider,
        account=params.account,
        pane_command=params.pane_command,
        strategy=words,
        priority=tmux.priority_order,
        recency_ms=int(tmux.recency_window_s * 1000),
    )


def _subject(one: AccountFigures | None, params: LineParams, world: LineWorld) -> Subject:
    host = None
    if one is not None:
        host = world.hosts.latest(one.account.id, world.figures.now_ms, params.pane_path)
    return Subject(
        figures=world.figures,
        zone=world.zone,
        one=one,
        host=host,
        pane_path=params.pane_path,
        hide_costs=one is not None and world.hides_costs(one.account),
    )


def _look(params: LineParams, settings: Settings, glyphs: str, env: Mapping[str, str]) -> Look:
    tmux = settings.tmux
    if params.theme and palette_of(params.theme, env) is FALLBACK:
        known = ", ".join(theme_names(env))
        raise InvalidParams(f"theme: there is no {params.theme!r}; there are: {known}")
    # The settings' own default is no wish: a preset of plain characters stays plain.
    tier = params.glyphs or (tmux.glyphs if tmux.glyphs != "unicode" else "") or glyphs
    return Look(
        color_mode="none" if params.target in _UNCOLOURED else params.color_mode or tmux.color_mode,
        glyphs=tier or "unicode",
        palette=palette_of(params.theme or tmux.theme or settings.theme, env),
        rules=tmux.color_rules,
        variables=tmux.variables,
        segments=tmux.segments,
    )


_UNCOLOURED: Final = ("plain", "json", "waybar", "sketchybar")


def _output(line: str, params: LineParams, subject: Subject, look: Look) -> str:
    details = _details(subject)
    if params.target == "ansi":
        return outputs.to_ansi(line)
    if params.target == "plain":
        return outputs.to_plain(line)
    if params.target == "polybar":
        return outputs.to_polybar(line)
    if params.target == "waybar":
        return outputs.to_waybar(line, details)
    if params.target == "sketchybar":
        token = _STATE_TOKENS.get(details.state, "text")
        return outputs.to_sketchybar(line, details, look.palette.get(token, ""))
    if params.target == "json":
        return _as_json(line, subject, details)
    return line


def _details(subject: Subject) -> Details:
    one = subject.one
    used = (
        [window.used for window in (one.five_hour, one.weekly, one.plan) if window is not None]
        if one is not None
        else []
    )
    fullest = max(used, default=None)
    state = "unknown"
    if fullest is not None:
        state = next(name for at, name in _STATES if fullest >= at or at == 0.0)
    return Details(
        tooltip="\n".join(_tooltip(subject)),
        percentage=None if fullest is None else min(100, whole(fullest)),
        state=state,
    )


def _tooltip(subject: Subject) -> list[str]:
    """A line for each account that has something to say."""
    lines = []
    for one in subject.figures.accounts:
        parts = []
        for label, window in (("5h", one.five_hour), ("week", one.weekly), ("plan", one.plan)):
            if window is None:
                continue
            about = "~" if window.stale else ""
            reset = ""
            if window.resets_ms is not None:
                seconds = (window.resets_ms - subject.figures.now_ms) / 1000
                reset = f" (resets in {duration(seconds)})"
            parts.append(f"{label} {about}{whole(window.used)}%{reset}")
        if one.today is not None and one.today.requests:
            if not subject.hide_costs:
                parts.append(f"≈${one.today.cost_usd:.2f} today")
            parts.append(f"{compact(one.today.total_tokens)} tokens")
        if parts:
            lines.append(f"{one.title}: {', '.join(parts)}")
    return lines or ["nothing used yet"]


def _as_json(line: str, subject: Subject, details: Details) -> str:
    values = {name: _plain_value(variable(name, subject)) for name in VARIABLES}
    one = subject.one
    return json.dumps(
        {
            "schema_version": 1,
            "generated_at": iso(subject.figures.now_ms),
            "provider": one.account.provider_id if one is not None else None,
            "account": one.account.id if one is not None else None,
            "rendered": outputs.to_plain(line),
            "state": details.state,
            "percentage": details.percentage,
            "values": values,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _plain_value(value: Value | None) -> float | str | None:
    if value is None:
        return None
    return value.number if value.number is not None else value.text or None


def catalog(world: LineWorld, statusline: Mapping[str, str]) -> LineCatalog:
    """Presets, variables, segments and modifiers, with what they say now."""
    params = LineParams(target="plain")
    one, candidates = choose(
        world.figures, _choice(params, world.settings.tmux, world), world.provider_of_command
    )
    subject = _subject(one, params, world)
    look = _look(params, world.settings, "", world.env)

    def now(text: str) -> str:
        try:
            return outputs.to_plain(_draw(text, subject, look, candidates))
        except TemplateError as error:
            return str(error)

    own = [
        LineName(name=name, kind="template", description=f"your own: {text}", value=now(text))
        for name, text in world.settings.tmux.variables.items()
    ]
    segments = {
        name: (f"your own: {text}", text) for name, text in world.settings.tmux.segments.items()
    }
    segments = {
        **SEGMENTS,
        ACTIVE_TOOLS: ("every tool used lately", f"{{{ACTIVE_TOOLS}}}"),
        **segments,
    }
    return LineCatalog(
        presets=list(presets.ALL),
        variables=own
        + [
            LineName(
                name=name, kind=item.kind, description=item.description, value=now(f"{{{name}}}")
            )
            for name, item in VARIABLES.items()
        ],
        segments=[
            LineName(name=name, kind="segment", description=words, value=now(text))
            for name, (words, text) in segments.items()
        ],
        modifiers=[
            LineName(name=name, kind="modifier", description=words)
            for name, words in MODIFIERS.items()
        ],
        statusline_segments=[
            LineName(name=name, kind="segment", description=words)
            for name, words in statusline.items()
        ],
    )
