"""The settings screen: goldens of every tab, and its promises at any size."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage_client.tui.layout import line_width, plain
from openusage_client.tui.settings import answers, model, rows
from openusage_client.tui.state import Link
from openusage_client.tui.theme import ROLES
from openusage_client.tui.theme_files import Catalogue
from openusage_client.tui.views import screens
from openusage_client.tui.views.settings_screen import render_settings
from tests.support import screen_samples
from tests.support import settings_samples as samples
from tests.support.screens import SIZES, check_golden, drawn, page_of

# Read at import: the tests' own environment has none of our variables.
NOTHING = {"accounts": None, "integrations": None, "catalogue": None, "path": ""}


def unmapped():
    """The telemetry tab with a source of its own and a mapping."""
    found = screen_samples.model(screen_samples.accounts(3), unmapped=[screen_samples.UNMAPPED])
    document = samples.document(telemetry={"provider_links": {"old-proxy": "codex"}})
    return samples.state(model.TELEMETRY, 5, model=found, document=document)


def broken_themes():
    """A theme file that cannot be used."""
    known = samples.state(model.THEME).settings.catalogue
    problem = "/home/user/.config/openusage/themes/mine.json: `red` must be #RGB, #RRGGBB or ..."
    return samples.state(
        model.THEME, 12, settings={"catalogue": Catalogue(known.entries[:14], (problem,))}
    )


def forty():
    """More accounts than lines, one with a name that would wreck a terminal."""
    accounts = tuple(samples.info(f"account-{number}", "openai") for number in range(40))
    odd = samples.info("東京\x1b[31m-❤️-\u202eevil", "groq", origin="env:GROQ_API_KEY")
    return samples.state(cursor=30, settings={"accounts": (odd, *accounts)})


def unknown():
    """The daemon has refused the lists and lost the connection since."""
    failures = {answers.ACCOUNT_LIST: "storage_busy", answers.INTEGRATION_LIST: "not known"}
    return samples.state(model.KEYS, settings={**NOTHING, "failures": failures})


def told():
    """A long answer to the last key."""
    words = (
        "not stored, because it could not be checked: api.example.net did not answer within 10 s "
        "(store it unchecked with --no-check)"
    )
    return samples.state(model.KEYS, 3, notice=words, settings={"busy": "asking the vendor"})


CASES = {
    "accounts": samples.state,
    "accounts-40": forty,
    "sections": lambda: samples.state(model.SECTIONS, 2),
    "sections-detail": lambda: samples.state(model.SECTIONS, 1, settings={"detail_sections": True}),
    "theme": broken_themes,
    "view": lambda: samples.state(model.VIEW, 5),
    "keys": lambda: samples.state(model.KEYS, 2),
    "keys-told": told,
    "keys-unknown": unknown,
    "telemetry": unmapped,
    "integrations": lambda: samples.state(model.INTEGRATIONS, 2),
    "options": lambda: samples.state(
        model.OPTIONS, 1, settings={"warnings": ("ui.warn_threshold: 3 is odd; 0.2 is used",)}
    ),
    "options-unknown": lambda: samples.state(
        model.OPTIONS, document={"unknown": {}}, settings=NOTHING
    ),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("case", CASES)
def test_golden(case, size):
    """The screen is exactly the recorded one; `OPENUSAGE_GOLDEN=rewrite` records it."""
    check_golden(f"settings/{case}-{size[0]}x{size[1]}", page_of(drawn(CASES[case](), *size)))


@given(st.sampled_from(sorted(CASES)), st.integers(1, 220), st.integers(1, 70),
       st.integers(0, 60))  # fmt: skip
def test_f01_fits_every_size(case, width, height, scroll):
    """Exactly the lines there are, none too wide, in known roles, whatever the cursor points at."""
    state = CASES[case]()
    settings = dataclasses.replace(
        state.settings, cursors={state.settings.tab: scroll}, preview_scroll=scroll
    )
    state = dataclasses.replace(state, settings=settings)
    lines = screens.render(state, width, height)
    assert len(lines) == height
    assert all(line_width(line) <= width for line in lines)
    assert all(role in ROLES for line in lines for _, role in line)
    text = "".join(plain(line) for line in lines)
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("tab", model.TABS)
@pytest.mark.parametrize("size", [(40, 8), (60, 12), (80, 24), (120, 40)])
def test_the_row_of_the_cursor_is_always_on_screen(tab, size):
    """At every row of every tab, also where there are more rows than lines."""
    state = samples.state(tab)
    for at in range(rows.count(state)):
        moved = dataclasses.replace(
            state, settings=dataclasses.replace(state.settings, cursors={tab: at})
        )
        lines, _ = render_settings(moved, size[0], screens.content_height(size[1]))
        assert sum("▸" in plain(line)[:1] for line in lines) == 1, at


def test_f16_what_is_waited_for_and_what_came_of_it_are_on_screen():
    """In full, also where the footer has no room for it."""
    text = "\n".join(plain(line) for line in screens.render(told(), 80, 24))
    assert "◐ asking the vendor …" in text
    assert "--no-check)" in text


def test_f03_the_preview_follows_the_sections():
    """A section that is switched off is not in the tile beside it."""

    def preview(**dashboard):
        state = samples.state(model.SECTIONS, document=samples.document(dashboard=dashboard))
        lines, _ = render_settings(state, 140, 60)
        return "\n".join(plain(line)[46:] for line in lines)

    assert "large-model" in preview()
    off = {"widget_sections": [{"id": "model_burn", "enabled": False}]}
    assert "large-model" not in preview(**off)


def test_f06_no_screen_shows_a_key_in_full():
    """The daemon masks, and nothing here unmasks."""
    text = "\n".join(plain(line) for line in screens.render(CASES["keys"](), 120, 40))
    assert "sk-p...0001" in text


def test_no_daemon_no_rows_but_a_reason():
    """Instead of an empty tab."""
    lost = Link(phase="lost", since=screen_samples.NOW)
    for tab in (model.ACCOUNTS, model.KEYS, model.INTEGRATIONS, model.OPTIONS):
        state = samples.state(
            tab, document={"unknown": {}}, settings=NOTHING, link=lost, model=None
        )
        preferences = dataclasses.replace(state.preferences, document={})
        state = dataclasses.replace(state, preferences=preferences, providers={})
        text = "\n".join(plain(line) for line in screens.render(state, 80, 24))
        assert "not known while there is no daemon" in text, tab
