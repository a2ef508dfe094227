"""Every key of the settings: default, range, wrong values, and what the warning says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.config.settings import BUILT_IN_LINKS, Settings, expand, parse

ENV = {"HOME": "/h", "WORK": "/w"}


def settings(document: dict[str, Any]) -> Settings:
    """Parse a document that must give no warning."""
    parsed, warnings = parse(document, ENV)
    assert warnings == []
    return parsed


def warned(document: dict[str, Any]) -> tuple[Settings, str]:
    """Parse a document that must give exactly one warning."""
    parsed, warnings = parse(document, ENV)
    assert len(warnings) == 1, warnings
    return parsed, warnings[0]


def test_defaults() -> None:
    """An empty document is what a new user has."""
    parsed = settings({})
    assert parsed == Settings()
    assert parsed.data.retention_days == 30
    assert parsed.data.time_window == "30d"
    assert parsed.ui.refresh_interval_seconds == 300
    assert parsed.auto_detect
    assert parsed.telemetry.poll
    assert parsed.telemetry.provider_links == BUILT_IN_LINKS


@pytest.mark.parametrize(
    ("document", "path", "value", "words"),
    [
        ({"auto_detect": 1}, "auto_detect", True, "auto_detect: 1 is not true or false"),
        ({"theme": 5}, "theme", "openusage-dark", "theme: 5 is not a text"),
        ({"ui": []}, "ui.warn_threshold", 0.2, "ui: [] is not an object"),
        ({"ui": {"warn_threshold": "x"}}, "ui.warn_threshold", 0.2, "a number from 0 to 1"),
        ({"ui": {"warn_threshold": 7}}, "ui.warn_threshold", 1.0, "1 is used"),
        ({"ui": {"crit_threshold": float("nan")}}, "ui.crit_threshold", 0.05, "0.05 is used"),
        ({"ui": {"refresh_interval_seconds": 1}}, "ui.refresh_interval_seconds", 10, "10 is used"),
        (
            {"ui": {"refresh_interval_seconds": 60.5}},
            "ui.refresh_interval_seconds",
            300,
            "whole number",
        ),
        ({"data": {"time_window": "2d"}}, "data.time_window", "30d", "one of 1d, 3d, 7d, 30d, all"),
        ({"data": {"time_window": ["all"]}}, "data.time_window", "30d", "one of 1d"),
        (
            {"data": {"retention_days": True}},
            "data.retention_days",
            30,
            "whole number from 1 to 3650",
        ),
        ({"data": {"retention_days": "90"}}, "data.retention_days", 90, "without quotes"),
        ({"data": {"retention_days": 0}}, "data.retention_days", 30, "30 is used"),
        ({"data": {"retention_days": 5000}}, "data.retention_days", 3650, "3650 is used"),
        ({"data": {"retention_days": "x" * 99}}, "data.retention_days", 30, "xxx… is not"),
        ({"telemetry": {"poll": "no"}}, "telemetry.poll", True, "telemetry.poll: 'no'"),
        ({"dashboard": {"hide_costs": 3}}, "dashboard.hide_costs", None, "true, false or null"),
        ({"dashboard": {"providers": {}}}, "dashboard.providers", (), "a list"),
        ({"dashboard": {"providers": [5]}}, "dashboard.providers", (), "dashboard.providers[0]"),
        ({"accounts": "x"}, "accounts", (), "accounts: 'x' is not a list"),
    ],
)
def test_wrong_value_costs_only_its_own_key(
    document: dict[str, Any], path: str, value: object, words: str
) -> None:
    """The key gets its default or the nearest allowed value; the warning names it."""
    parsed, warning = warned({**document, "integrations": {"codex": {"declined": True}}})
    actual: Any = parsed
    for name in path.split("."):
        actual = getattr(actual, name)
    assert actual == value
    assert words in warning
    assert parsed.integrations["codex"].declined


def test_valid_values_are_taken() -> None:
    """Every key can be set."""
    parsed = settings(
        {
            "auto_detect": False,
            "theme": " Nord ",
            "ui": {"refresh_interval_seconds": 60, "warn_threshold": 0.3, "crit_threshold": 0},
            "data": {"time_window": "all", "retention_days": 3650},
            "telemetry": {"poll": False},
            "dashboard": {
                "hide_costs": True,
                "providers": [
                    {"account_id": " a ", "hide_costs": False},
                    {"account_id": "a", "enabled": False},
                    {"account_id": ""},
                    {"account_id": "b", "enabled": False},
                ],
            },
            "integrations": {"claude_code": {"installed": True, "version": "1"}},
            "keys_of_a_newer_version": {"x": 1},
        }
    )
    assert not parsed.auto_detect
    assert parsed.theme == "Nord"
    assert (parsed.ui.refresh_interval_seconds, parsed.ui.crit_threshold) == (60, 0)
    assert parsed.data.retention_days == 3650
    assert [entry.account_id for entry in parsed.dashboard.providers] == ["a", "b"]
    assert parsed.dashboard.providers[0].hide_costs is False
    assert parsed.disabled_accounts == {"b"}
    assert parsed.integrations["claude_code"].version == "1"


def test_crossed_thresholds_are_pointed_out() -> None:
    """A critical threshold above the warning one is legal and probably a mistake."""
    _, warning = warned({"ui": {"warn_threshold": 0.1, "crit_threshold": 0.5}})
    assert warning.startswith("ui.crit_threshold: 0.5 is above")


class TestLinks:
    def test_user_links_win_and_built_in_ones_can_go(self) -> None:
        """Names are folded; a blank or null target removes nothing or a built-in."""
        links = settings(
            {
                "telemetry": {
                    "provider_links": {" Foo ": "CODEX", "anthropic": "", "azure": "x", "": "y"}
                }
            }
        ).telemetry.provider_links
        assert links == {
            "google": "gemini_api",
            "github-copilot": "copilot",
            "azure": "x",
            "foo": "codex",
        }

    def test_wrong_link(self) -> None:
        """A link to no text keeps the others."""
        parsed, warning = warned({"telemetry": {"provider_links": {"a": 5, "b": "codex"}}})
        assert "telemetry.provider_links.a: 5 is not a provider's id" in warning
        assert parsed.telemetry.provider_links["b"] == "codex"


class TestAccounts:
    def test_account_with_everything(self) -> None:
        """Paths are expanded by the given environment; the base URL loses its slash."""
        parsed = settings(
            {
                "accounts": [
                    {
                        "id": " work ",
                        "provider": "claude_code",
                        "title": "Work",
                        "home": "~/claude/",
                        "provider_paths": {"projects": "${WORK}/p", "other": "$NOPE/x"},
                        "api_key_env": "WORK_KEY",
                        "base_url": "https://gw.example.com/v1/",
                        "options": {"plan": "max"},
                    }
                ]
            }
        )
        (account,) = parsed.accounts
        assert (account.id, account.home, account.origin) == ("work", "/h/claude", "settings")
        assert account.paths == {"projects": "/w/p", "other": "$NOPE/x"}
        assert account.base_url == "https://gw.example.com/v1"
        assert account.options == {"plan": "max"}
        assert account.api_key_env == "WORK_KEY"

    def test_old_name_of_paths(self) -> None:
        """`paths` is read when `provider_paths` is not there."""
        parsed = settings({"accounts": [{"id": "a", "provider": "x", "paths": {"db": "/d"}}]})
        assert parsed.accounts[0].paths == {"db": "/d"}

    @pytest.mark.parametrize(
        ("item", "words"),
        [
            ({"provider": "x"}, "accounts[0].id: None is not a text"),
            ({"id": "a"}, "accounts[a].provider: None is not a text"),
            ({"id": "a", "provider": ["x"]}, "accounts[a].provider: ['x'] is not a text"),
            (7, "accounts[0]: 7 is not an object"),
        ],
    )
    def test_unusable_accounts_are_left_out(self, item: Any, words: str) -> None:
        """An account without id or provider is told and ignored; the others stay."""
        good = {"id": "good", "provider": "x"}
        parsed, warnings = parse({"accounts": [item, good]}, ENV)
        assert words in warnings[0]
        assert [account.id for account in parsed.accounts] == ["good"]

    def test_first_of_an_id_wins(self) -> None:
        """Ids are unique."""
        parsed, warning = warned(
            {"accounts": [{"id": "a", "provider": "x"}, {"id": "a", "provider": "y"}]}
        )
        assert parsed.accounts[0].provider_id == "x"
        assert "unique" in warning

    def test_disabled_account(self) -> None:
        """An account that is switched off is known as such and not collected."""
        parsed = settings({"accounts": [{"id": "a", "provider": "x", "enabled": False}]})
        assert parsed.accounts == ()
        assert parsed.disabled_accounts == {"a"}

    @pytest.mark.parametrize("key", ["token", "api_key", "key"])
    def test_secrets_are_refused_and_not_repeated(self, key: str) -> None:
        """A key in the settings is ignored, and the warning does not show it."""
        _, warning = warned({"accounts": [{"id": "a", "provider": "x", key: "sk-secret"}]})
        assert "secrets do not belong here" in warning
        assert "sk-secret" not in warning

    def test_a_key_in_place_of_its_variable(self) -> None:
        """Somebody who puts the key itself into api_key_env is told, without repeating it."""
        parsed, warning = warned(
            {"accounts": [{"id": "a", "provider": "x", "api_key_env": "sk-ant-123"}]}
        )
        assert parsed.accounts[0].api_key_env == ""
        assert "name of an environment variable" in warning
        assert "sk-ant-123" not in warning

    def test_wrong_option_values_are_dropped(self) -> None:
        """Options are texts; another value costs only itself."""
        parsed, warning = warned(
            {"accounts": [{"id": "a", "provider": "x", "options": {"n": 1, "t": "x"}}]}
        )
        assert parsed.accounts[0].options == {"t": "x"}
        assert "accounts[a].options.n: 1 is not a text" in warning


@pytest.mark.parametrize(
    ("path", "expected"),
    [("~", "/h"), ("~/x", "/h/x"), ("~x", "~x"), ("/a/$WORK/", "/a//w"), ("/", "/"), ("", "")],
)
def test_expand(path: str, expected: str) -> None:
    """Home and variables of the given environment, nothing else."""
    assert expand(path, ENV) == expected


def test_as_document_is_json() -> None:
    """The effective settings travel as JSON."""
    document = settings({"accounts": [{"id": "a", "provider": "x"}]}).as_document()
    assert json.loads(json.dumps(document))["accounts"][0]["id"] == "a"


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    document=st.dictionaries(
        st.sampled_from(
            ["ui", "data", "telemetry", "dashboard", "accounts", "integrations", "theme"]
        ),
        json_values
        | st.dictionaries(
            st.sampled_from(
                ["retention_days", "time_window", "provider_links", "providers", "poll"]
            ),
            json_values,
        )
        | st.lists(
            st.dictionaries(st.sampled_from(["id", "provider", "home", "options"]), json_values)
        ),
    )
)
def test_no_document_stops_the_daemon(document: dict[str, Any]) -> None:
    """Whatever the file holds, settings come out, within their ranges."""
    parsed, _ = parse(document, ENV)
    assert 1 <= parsed.data.retention_days <= 3650
    assert parsed.data.time_window in ("1d", "3d", "7d", "30d", "all")
    parsed.as_document()
