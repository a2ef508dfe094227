"""Options as words and words as options, and that nothing in the file is out of reach."""

from __future__ import annotations

import pytest

from openusage_client.tui.settings import options, rows
from openusage_client.tui.settings.option_table import ELSEWHERE, GROUPS, UNUSED, Option
from openusaged.config import dashboard
from openusaged.config import settings as daemon
from tests.support import settings_samples as samples

TABLE = {option.name: option for group in GROUPS for option in group.options}


def test_f17_every_option_of_the_settings_file_is_reachable():
    """Each value the daemon knows is in the table, on another tab, or of no use to this version."""
    document = samples.document()
    reachable = {option.path for group in options.groups(document) for option in group.options}
    known = {option.path for option in TABLE.values()}
    assert {path for path, _ in options.leaves(document)} <= reachable
    assert reachable == known, "a setting without words: give it a row in option_table"
    for path in (*ELSEWHERE, *UNUSED):
        assert options.value_of(document, path[:1]) is not None


def test_a_setting_of_a_later_daemon_is_listed_under_its_own_name():
    """What has no words yet can be changed all the same, by the kind of its value."""
    document = samples.document()
    document["later"] = {
        "on": True, "count": 3, "share": 0.5, "word": "x", "names": ["a"], "deep": {"none": None},
        "tables": [{"a": 1}],
    }  # fmt: skip
    others = options.groups(document)[-1]
    assert others.title == "Others"
    assert {option.name: option.kind for option in others.options} == {
        "later.on": "flag", "later.count": "integer", "later.share": "number",
        "later.word": "text", "later.names": "list", "later.deep.none": "text",
        "later.tables": "file",
    }  # fmt: skip


def test_the_daemon_accepts_what_the_table_writes():
    """Every name in the table is one the daemon reads, also where the file's name differs."""
    values = {"flag": True, "integer": 100, "number": 2.5, "percent": 0.05, "text": "", "list": [],
              "pairs": {}, "file": []}  # fmt: skip
    for option in TABLE.values():
        value = option.choices[0][0] if option.choices else values[option.kind]
        if option.written == "recency_window":
            value = "90m"
        if option.name == "tmux.active_strategy":
            value = "recency"
        changes: object = value
        for key in reversed(option.name.split(".")):
            changes = {key: changes}
        assert daemon.unknown_keys(changes) == [], option.name
        if option.kind != "file":
            assert daemon.parse(changes, {})[1] == [], option.name


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("dashboard.hide_costs", None, "hidden for flat rates only"),
        ("dashboard.hide_costs", True, "always hidden"),
        ("dashboard.hide_costs", False, "always shown"),
        ("ui.warn_threshold", 0.2, "20 %"),
        ("ui.warn_threshold", 0.125, "12.5 %"),
        ("ui.refresh_interval_seconds", 300, "300 s"),
        ("telemetry.poll", True, "on"),
        ("telemetry.poll", False, "off"),
        ("detect.directories", ["/a", "/b"], "/a, /b"),
        ("detect.directories", [], "—"),
        ("tmux.recency_window", 14_400.0, "4h"),
        ("tmux.recency_window", 5_400.0, "90m"),
        ("tmux.recency_window", 7.5, "7.5s"),
        ("tmux.recency_window", "odd", "—"),
        ("tmux.variables", {"a": "1", "b": "2"}, "a=1, b=2"),
        ("tmux.color_rules", {"a": {}}, "1 in the file"),
        ("tmux.alerts.burn_rate_per_hour", None, "—"),
        ("tmux.alerts.burn_rate_per_hour", 2.5, "2.5 USD"),
        ("pricing.catalogue_url", "", "—"),
    ],
)
def test_a_value_in_words(name, value, words):
    """With its unit; nothing set is a dash, never a 0."""
    assert options.shown(TABLE[name], value) == words


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("ui.warn_threshold", "25 %", 0.25),
        ("ui.warn_threshold", "25", 0.25),
        ("ui.warn_threshold", "", None),
        ("ui.refresh_interval_seconds", " 60 s ", 60),
        ("tmux.alerts.burn_rate_per_hour", "2.5", 2.5),
        ("tmux.alerts.burn_rate_per_hour", "2.5 USD", 2.5),
        ("detect.directories", " /a , /b ,", ["/a", "/b"]),
        ("detect.directories", "", []),
        ("tmux.recency_window", "90m", "90m"),
        ("pricing.catalogue_url", "https://x", "https://x"),
    ],
)
def test_what_is_typed_becomes_a_value(name, typed, value):
    """With or without the unit."""
    assert options.typed(TABLE[name], typed) == value


def test_an_emptied_text_is_empty_and_an_unset_one_stays_unset():
    """Deleting what stood there is a choice; leaving nothing alone is none."""
    url = TABLE["pricing.catalogue_url"]
    assert options.typed(url, "", "https://x") == ""
    assert options.typed(url, "", None) is None


def test_pairs_that_are_not_named_any_more_are_taken_out():
    """A merge patch removes a key by null."""
    variables = TABLE["tmux.variables"]
    assert options.typed(variables, "a=1, c=x=y", {"a": "0", "b": "2"}) == {
        "a": "1", "b": None, "c": "x=y",
    }  # fmt: skip
    assert options.typed(variables, "", "odd") == {}


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("ui.refresh_interval_seconds", "soon"),
        ("ui.refresh_interval_seconds", "1.5"),
        ("ui.warn_threshold", "a lot"),
        ("tmux.alerts.burn_rate_per_hour", "nan"),
        ("tmux.alerts.burn_rate_per_hour", "inf"),
        ("tmux.variables", "a"),
        ("tmux.variables", "=1"),
    ],
)
def test_what_is_no_value_is_refused_in_words(name, typed):
    """Before anybody is asked."""
    with pytest.raises(options.NotUsable, match="wanted"):
        options.typed(TABLE[name], typed)


def test_the_sections_and_links_are_those_of_the_daemon():
    """Names the screen offers are names the daemon takes, all of them."""
    assert tuple(rows.TILE_SECTIONS) == dashboard.WIDGET_SECTIONS
    assert tuple(rows.DETAIL_SECTIONS) == dashboard.DETAIL_SECTIONS
    assert rows.BUILT_IN_LINKS == daemon.BUILT_IN_LINKS


def test_value_of_a_path_that_leads_nowhere_is_none():
    """A document of another version is no error."""
    assert options.value_of({"a": 1}, ("a", "b")) is None
    assert isinstance(TABLE["telemetry.poll"], Option)
