"""Changes to the settings: what they write, and what they leave as it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openusage_client.tui.settings import edits

TILES = ("dashboard", "widget_sections")
SETTINGS = {
    "dashboard": {
        "providers": [
            {"account_id": "b", "enabled": True, "hide_costs": True},
            {"account_id": "a", "enabled": False, "hide_costs": None},
            {"account_id": "elsewhere", "enabled": True, "hide_costs": None},
        ]
    }
}


def providers(patch):
    """The list a patch writes."""
    return patch["dashboard"]["providers"]


def test_f02_switching_an_account_keeps_what_others_have_said():
    """Its word on costs, accounts that are not here, and the order stay."""
    patch = edits.switch_account("a", on=True, known=["a", "b", "new"])(SETTINGS)
    assert providers(patch) == [
        {"account_id": "b", "enabled": True, "hide_costs": True},
        {"account_id": "a", "enabled": True},
        {"account_id": "elsewhere", "enabled": True},
        {"account_id": "new"},
    ]


def test_an_account_nobody_has_listed_is_appended():
    """Also to settings that have no list at all."""
    assert providers(edits.switch_account("x", on=False)({})) == [
        {"account_id": "x", "enabled": False}
    ]


def test_f02_moving_an_account_keeps_the_others_in_order():
    """One place down, and no further than there are places."""
    patch = edits.move_account("b", 1, ["b", "a", "new"])(SETTINGS)
    assert [entry["account_id"] for entry in providers(patch)] == ["a", "b", "elsewhere", "new"]
    assert providers(patch)[1]["hide_costs"] is True
    patch = edits.move_account("b", -1, [])(SETTINGS)
    assert [entry["account_id"] for entry in providers(patch)] == ["b", "a", "elsewhere"]


def test_f03_sections_are_switched_and_moved_with_all_of_them_written():
    """A section that has not been listed yet keeps its place behind those that were."""
    known = ["one", "two", "three"]
    patch = edits.switch_section(TILES, "two", known)({})
    assert patch == {
        "dashboard": {
            "widget_sections": [{"id": "one"}, {"id": "two", "enabled": False}, {"id": "three"}]
        }
    }
    patch = edits.switch_section(TILES, "two", known)(patch)
    assert patch["dashboard"]["widget_sections"][1] == {"id": "two", "enabled": True}
    patch = edits.move_section(TILES, "three", -2, known)(patch)
    assert [entry["id"] for entry in patch["dashboard"]["widget_sections"]] == [
        "three", "one", "two",
    ]  # fmt: skip


def test_what_is_no_list_of_entries_counts_as_none():
    """A daemon of another version never breaks the screen."""
    for value in (None, "x", [7, {}, {"id": 3}]):
        document = {"dashboard": {"widget_sections": value}}
        assert edits.ordered(document, TILES, "id", ["one"]) == [("one", True)]


def test_a_value_of_none_takes_the_key_out():
    """JSON merge patch: null removes."""
    assert edits.set_value(("a", "b"), None)({}) == {"a": {"b": None}}


def test_f13_a_mapping_is_written_and_taken_back():
    """One that comes with the program can only be outvoted by an empty one."""
    path = ("telemetry", "provider_links")
    assert edits.set_link("proxy", "codex")({}) == edits.patch((*path, "proxy"), "codex")
    assert edits.set_link("proxy", None)({}) == edits.patch((*path, "proxy"), None)
    assert edits.set_link("azure", None, ["azure"])({}) == edits.patch((*path, "azure"), "")


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.sampled_from("abcdefx"),
       st.integers(-9, 9))  # fmt: skip
def test_moving_loses_and_invents_nothing(names, name, step):
    """Whatever is moved wherever, the others keep their order."""
    entries = [{"id": item} for item in names]
    after = edits.moved(entries, "id", name, step)
    assert sorted(entry["id"] for entry in after) == sorted(names)
    rest = [entry["id"] for entry in after if entry["id"] != name]
    assert rest == [item for item in names if item != name]
