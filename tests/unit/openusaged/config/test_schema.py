"""The further parts of the schema: every default, rule and clamp, one verdict per key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openusaged.config import settings_file
from openusaged.config.dashboard import DETAIL_SECTIONS, WIDGET_SECTIONS, ShownSection
from openusaged.config.settings import Settings, parse, unknown_keys
from openusaged.config.tmux import ColorRule, TmuxAlerts
from openusaged.config.updating import update
from openusaged.core.errors import ConfigError

ENV = {"HOME": "/h"}


def settings(document: dict[str, Any]) -> Settings:
    """Parse a document that must give no warning."""
    parsed, warnings = parse(document, ENV)
    assert warnings == []
    return parsed


def value_at(parsed: Settings, path: str) -> Any:
    found: Any = parsed
    for name in path.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize(
    ("path", "default"),
    [
        ("auto_detect", True),
        ("theme", "openusage-dark"),
        ("ui.refresh_interval_seconds", 300),
        ("ui.warn_threshold", 0.2),
        ("ui.crit_threshold", 0.05),
        ("data.time_window", "30d"),
        ("data.retention_days", 30),
        ("experimental.analytics", False),
        ("detect.shell_rc", True),
        ("detect.dotenv", False),
        ("detect.directories", ()),
        ("dashboard.view", "grid"),
        ("dashboard.providers", ()),
        ("dashboard.widget_sections", ()),
        ("dashboard.detail_sections", ()),
        ("dashboard.hide_sections_with_no_data", True),
        ("dashboard.hide_costs", None),
        ("dashboard.show_remaining", False),
        ("model_normalization.enabled", True),
        ("model_normalization.group_by", "lineage"),
        ("model_normalization.min_confidence", 0.8),
        ("model_normalization.overrides", ()),
        ("export.target", ""),
        ("export.interval_seconds", 60),
        ("hub.listen_addr", ":9190"),
        ("hub.stale_timeout_seconds", 300),
        ("tmux.active_strategy", "recency,priority"),
        ("tmux.recency_window_s", 14_400.0),
        ("tmux.color_mode", "truecolor"),
        ("tmux.glyphs", "unicode"),
        ("tmux.source", "auto"),
        ("tmux.interval", 5),
        ("tmux.max_runtime_ms", 800),
        ("tmux.alerts.cooldown_minutes", 15),
        ("tmux.alerts.burn_rate_per_hour", None),
    ],
)
def test_default(path: str, default: object) -> None:
    """An absent key, a null one and an absent section have the documented default."""
    assert value_at(settings({}), path) == default
    section, _, key = path.partition(".")
    assert value_at(settings({section: {key.partition(".")[0]: None} if key else None}), path) == (
        default
    )


@pytest.mark.parametrize(
    ("document", "path", "value", "words"),
    [
        ({"dashboard": {"view": "pie"}}, "dashboard.view", "grid", "'pie' is not one of grid"),
        ({"dashboard": {"view": 5}}, "dashboard.view", "grid", "5 is not a text"),
        (
            {"dashboard": {"widget_sections": [{"id": "nope"}]}},
            "dashboard.widget_sections",
            (),
            "dashboard.widget_sections[nope].id: 'nope' is not a section",
        ),
        ({"dashboard": {"detail_sections": {}}}, "dashboard.detail_sections", (), "a list"),
        ({"detect": {"shell_rc": "yes"}}, "detect.shell_rc", True, "detect.shell_rc: 'yes'"),
        ({"detect": {"directories": "x"}}, "detect.directories", (), "a list"),
        (
            {"detect": {"directories": [3, "~/p"]}},
            "detect.directories",
            ("/h/p",),
            "detect.directories[0]: 3 is not a text",
        ),
        (
            {"detect": {"directories": ["work/x", "/p"]}},
            "detect.directories",
            ("/p",),
            "detect.directories: 'work/x' is not an absolute path",
        ),
        (
            {"model_normalization": {"group_by": "family"}},
            "model_normalization.group_by",
            "lineage",
            "one of lineage, release",
        ),
        (
            {"model_normalization": {"min_confidence": 7}},
            "model_normalization.min_confidence",
            1.0,
            "1 is used",
        ),
        (
            {"model_normalization": {"overrides": [{"raw_model_id": "x"}]}},
            "model_normalization.overrides",
            (),
            "overrides[x].canonical_lineage_id",
        ),
        (
            {"model_normalization": {"overrides": [{"canonical_lineage_id": "x"}]}},
            "model_normalization.overrides",
            (),
            "overrides[0].raw_model_id",
        ),
        ({"export": {"target": "http://hub/"}}, "export.target", "http://hub", "sends nothing"),
        ({"export": {"interval_seconds": 0}}, "export.interval_seconds", 1, "1 is used"),
        ({"tmux": {"color_mode": "cga"}}, "tmux.color_mode", "truecolor", "one of truecolor"),
        ({"tmux": {"interval": 0}}, "tmux.interval", 1, "1 is used"),
        ({"tmux": {"recency_window": "soon"}}, "tmux.recency_window_s", 14_400.0, "a duration"),
        ({"tmux": {"recency_window": 4}}, "tmux.recency_window_s", 14_400.0, "a duration"),
        (
            {"tmux": {"active_strategy": "luck"}},
            "tmux.active_strategy",
            "recency,priority",
            "comma",
        ),
        ({"tmux": {"variables": {"a": 1}}}, "tmux.variables", {}, "tmux.variables.a"),
        ({"tmux": {"priority_order": 7}}, "tmux.priority_order", (), "a list"),
        ({"tmux": {"alerts": {"mode": "siren"}}}, "tmux.alerts.mode", "message", "one of message"),
    ],
)
def test_wrong_value_costs_only_its_own_key(
    document: dict[str, Any], path: str, value: object, words: str
) -> None:
    """The key gets its default or the nearest allowed value, one warning names it."""
    parsed, warnings = parse({**document, "theme": "Nord"}, ENV)
    assert value_at(parsed, path) == value
    assert len(warnings) == 1
    assert words in warnings[0]
    assert parsed.theme == "Nord"


class TestDashboard:
    def test_old_view_and_case(self) -> None:
        """`list` became `split`; the case does not matter."""
        assert settings({"dashboard": {"view": "list"}}).dashboard.view == "split"
        assert settings({"dashboard": {"view": " Stacked "}}).dashboard.view == "stacked"

    def test_sections(self) -> None:
        """Aliases are followed, the header and repetitions dropped, enabled unless switched off."""
        listed = [
            {"id": "actual_tool_usage"},
            {"id": "header"},
            {"id": "MODEL_BURN", "enabled": False},
            {"id": "tool_usage", "enabled": False},
        ]
        parsed = settings({"dashboard": {"widget_sections": listed}})
        assert parsed.dashboard.widget_sections == (
            ShownSection(id="tool_usage"),
            ShownSection(id="model_burn", enabled=False),
        )

    def test_every_section_is_known(self) -> None:
        """All ids of the schema can be listed."""
        parsed = settings(
            {
                "dashboard": {
                    "widget_sections": [{"id": name} for name in WIDGET_SECTIONS],
                    "detail_sections": [{"id": name} for name in DETAIL_SECTIONS],
                }
            }
        )
        assert len(parsed.dashboard.widget_sections) == 12
        assert len(parsed.dashboard.detail_sections) == 18

    @pytest.mark.parametrize("value", [True, False, None])
    def test_hide_costs_has_three_states(self, value: bool | None) -> None:
        """Shown, hidden, and no opinion are told apart, for all and for one account."""
        parsed = settings({"dashboard": {"hide_costs": value, "providers": [{"account_id": "a"}]}})
        assert parsed.dashboard.hide_costs is value
        assert parsed.dashboard.providers[0].hide_costs is None
        assert parsed.dashboard.providers[0].enabled


def test_window_may_be_longer_than_the_retention() -> None:
    """Totals outlive the detail, so a long window is right and is not shortened."""
    parsed = settings({"data": {"retention_days": 2, "time_window": "30d"}})
    assert parsed.data.time_window == "30d"


def test_normalization_given_without_enabled_stays_on() -> None:
    """An object that says nothing about a key leaves that key's default."""
    override = {"raw_model_id": "r", "canonical_lineage_id": "l", "canonical_model": "m"}
    parsed = settings({"model_normalization": {"group_by": "release", "overrides": [override]}})
    assert parsed.model_normalization.enabled
    assert parsed.model_normalization.overrides[0].canonical_model == "m"


def test_tmux_with_everything() -> None:
    """Every key can be set."""
    parsed = settings(
        {
            "tmux": {
                "preset": "compact",
                "format": "{cost}",
                "provider": "codex",
                "active_strategy": " Priority , recency, priority",
                "priority_order": ["codex", " codex", "claude_code", ""],
                "recency_window": "1h30m",
                "color_mode": "256",
                "glyphs": "nerdfont",
                "theme": "mono",
                "source": "daemon",
                "interval": 10,
                "max_runtime_ms": 500,
                "variables": {"a": "b"},
                "segments": {"s": "t"},
                "color_rules": {"cost": {"low_at": 1, "high_color": "red"}},
                "alerts": {
                    "burn_rate_per_hour": 5.5,
                    "block_minutes_remaining": 30,
                    "cooldown_minutes": 0,
                    "mode": "bell",
                },
            }
        }
    ).tmux
    assert parsed.active_strategy == "priority,recency"
    assert parsed.priority_order == ("codex", "claude_code")
    assert parsed.recency_window_s == 5400.0
    assert parsed.color_rules == {"cost": ColorRule(low_at=1.0, high_color="red")}
    assert parsed.alerts == TmuxAlerts(
        burn_rate_per_hour=5.5, block_minutes_remaining=30, cooldown_minutes=0, mode="bell"
    )


class TestAccountSecrets:
    @pytest.mark.parametrize(
        ("record", "words"),
        [
            ({"password": "planted-1"}, "accounts[a].password: secrets do not belong here"),
            ({"options": {"api_key": "planted-1"}}, "accounts[a].options.api_key: secrets"),
            ({"options": {"sk-planted-1": "x"}}, "secrets do not belong here"),
            (
                {"browser_cookie": {"domain": "x.org", "value": "planted-1"}},
                "a cookie's value is never kept",
            ),
            ({"base_url": "https://me:planted-1@gw.org"}, "no user name, password or query"),
            ({"base_url": "https://gw.org/?key=planted-1"}, "no user name, password or query"),
            ({"base_url": "ftp://gw.org"}, "an http or https address"),
            ({"base_url": "http://[::1"}, "an http or https address"),
        ],
    )
    def test_secret_is_refused(self, record: dict[str, Any], words: str) -> None:
        """Wherever a secret could stand in an account's record, it is ignored and not repeated."""
        parsed, warnings = parse({"accounts": [{"id": "a", "provider": "x", **record}]}, ENV)
        assert len(warnings) == 1
        assert words in warnings[0]
        assert "planted-1" not in json.dumps(parsed.as_document())
        if "sk-planted-1" not in record.get("options", {}):
            assert "planted-1" not in warnings[0]

    def test_further_keys_become_options(self) -> None:
        """`binary`, `probe_model` and the cookie are found where providers look."""
        parsed = settings(
            {
                "accounts": [
                    {
                        "id": "a",
                        "provider": "x",
                        "binary": "~/bin/gh",
                        "probe_model": "gpt-4.1-mini",
                        "options": {"config_dir": "~/c", "plan_type": "pro"},
                        "provider_paths": {"db_paths": "~/a.db:~/b.db"},
                        "browser_cookie": {
                            "domain": ".x.org",
                            "cookie_name": "n",
                            "source_browser": "firefox",
                        },
                    }
                ]
            }
        ).accounts[0]
        assert parsed.options == {
            "binary": "/h/bin/gh",
            "probe_model": "gpt-4.1-mini",
            "config_dir": "/h/c",
            "plan_type": "pro",
            "cookie_domain": ".x.org",
            "cookie_name": "n",
            "cookie_browser": "firefox",
        }
        assert parsed.paths == {"db_paths": "/h/a.db:/h/b.db"}

    def test_named_paths_beat_the_old_name(self) -> None:
        """`paths` counts only while `provider_paths` is empty."""
        record = {"id": "a", "provider": "x", "paths": {"p": "/old"}}
        assert settings({"accounts": [record]}).accounts[0].paths == {"p": "/old"}
        record["provider_paths"] = {"q": "/new"}
        assert settings({"accounts": [record]}).accounts[0].paths == {"q": "/new"}


class TestUpdate:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "settings.json"

    def update(self, path: Path, **given: Any) -> Any:
        update(str(path), ENV, **{"changes": {}, **given})
        return json.loads(path.read_text())

    def test_changes_keep_the_rest(self, path: Path) -> None:
        """Unknown keys, order and other values stay as they were."""
        path.write_text('{"zeta":1,"data":{"retention_days":7,"mine":2},"export":{"target":"h"}}')
        document = self.update(path, changes={"data": {"time_window": "7d"}, "theme": "mono"})
        assert document == {
            "zeta": 1,
            "data": {"retention_days": 7, "mine": 2, "time_window": "7d"},
            "export": {"target": "h"},
            "theme": "mono",
        }
        assert list(document)[:2] == ["zeta", "data"]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"retention": 5}, "retention: there is no such setting"),
            ({"data": {"retention": 5}}, "data.retention: there is no such setting"),
            ({"data": {"retention_days": 9999}}, "data.retention_days: 9999 is not a whole number"),
            ({"data": 5}, "data: 5 is not an object"),
            ({"accounts": [{"id": "a", "provider": "x", "token": "planted"}]}, "secrets do not"),
            ({"ui": {"warn_threshold": 0.01}}, "ui.crit_threshold"),
        ],
    )
    def test_refused_as_a_whole(self, path: Path, changes: dict[str, Any], words: str) -> None:
        """One unusable value leaves the file as it was, and no secret is repeated."""
        path.write_text('{"theme":"mono"}')
        with pytest.raises(ConfigError, match=words.split(":", maxsplit=1)[0]) as caught:
            self.update(path, changes={"auto_detect": False, **changes})
        assert words in str(caught.value)
        assert "planted" not in str(caught.value)
        assert "is used" not in str(caught.value)
        assert json.loads(path.read_text()) == {"theme": "mono"}

    def test_old_mistakes_do_not_block_new_changes(self, path: Path) -> None:
        """A value that was wrong before is not the business of this change."""
        path.write_text('{"data":{"retention_days":"x"}}')
        assert self.update(path, changes={"theme": "mono"})["theme"] == "mono"

    def test_accounts(self, path: Path) -> None:
        """One is added, one changed by its fields, one removed; the others stay untouched."""
        path.write_text(
            '{"accounts":[{"id":"a","provider":"x","own":1},{"id":"b","provider":"y"}]}'
        )
        document = self.update(
            path,
            put_accounts=[{"id": "a", "title": "A"}, {"id": " c ", "provider": "z"}],
            remove_accounts=["b"],
        )
        assert document["accounts"] == [
            {"id": "a", "provider": "x", "own": 1, "title": "A"},
            {"id": " c ", "provider": "z"},
        ]

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"put_accounts": [{"provider": "x"}]}, "needs an id"),
            ({"put_accounts": [{"id": "new"}]}, "accounts.new..provider: None is not a text"),
            ({"put_accounts": [{"id": "n", "provider": "x", "key": "k"}]}, "secrets do not"),
            ({"remove_accounts": ["gone"]}, "the settings have no account 'gone'"),
            ({"changes": {"accounts": []}, "remove_accounts": ["a"]}, "either the whole list"),
        ],
    )
    def test_account_that_cannot_be_used(
        self, path: Path, given: dict[str, Any], words: str
    ) -> None:
        """What makes no account is refused, and nothing is written."""
        path.write_text('{"accounts":[]}')
        with pytest.raises(ConfigError, match=words):
            self.update(path, **given)
        assert path.read_text() == '{"accounts":[]}'

    def test_first_change_makes_the_file(self, path: Path) -> None:
        """A user without settings gets a file with just the change."""
        assert self.update(path, changes={"theme": "mono"}) == {"theme": "mono"}

    def test_truncated_file_is_left_alone(self, path: Path) -> None:
        """What cannot be read is not overwritten."""
        path.write_text('{"theme": "mo')
        with pytest.raises(ConfigError, match="not JSON"):
            self.update(path, changes={"theme": "mono"})
        assert path.read_text() == '{"theme": "mo'

    def test_export_target_survives_a_theme_change(self, path: Path) -> None:
        """Parts this version does nothing with are not lost either."""
        path.write_text('{"export":{"target":"https://hub"},"hub":{"listen_addr":":1"}}')
        document = self.update(path, changes={"theme": "mono"})
        assert document["export"] == {"target": "https://hub"}
        assert document["hub"] == {"listen_addr": ":1"}


def test_effective_settings_have_every_documented_section() -> None:
    """What `settings_get` answers names all sections, and all of them can be set."""
    document = Settings().as_document()
    wanted = {"ui", "data", "experimental", "detect", "telemetry", "dashboard", "export", "hub"}
    assert wanted | {"model_normalization", "integrations", "tmux", "accounts"} <= set(document)
    document.pop("disabled_accounts")
    assert unknown_keys(document) == []


def test_detected_accounts_of_the_old_file_are_ignored(tmp_path: Path) -> None:
    """The list that the Go version wrote is kept in the file and means nothing."""
    path = tmp_path / "settings.json"
    path.write_text('{"auto_detected_accounts":[{"id":"openai","provider":"openai"}]}')
    loaded = settings_file.load(str(path), ENV)
    assert loaded.settings.accounts == ()
    assert loaded.warnings == ()
