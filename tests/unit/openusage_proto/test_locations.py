"""Every path, from HOME, XDG and our own variables."""

from __future__ import annotations

import os

import pytest

from openusage_proto import locations


class TestDefaults:
    def test_below_home(self) -> None:
        """Without XDG variables everything lies where XDG says it does by default."""
        env = {"HOME": "/h"}
        assert locations.state_dir(env) == "/h/.local/state/openusage"
        assert locations.config_dir(env) == "/h/.config/openusage"
        assert locations.cache_dir(env) == "/h/.cache/openusage"
        assert locations.data_home(env) == "/h/.local/share"
        assert locations.config_home(env) == "/h/.config"
        assert locations.socket_path(env) == "/h/.local/state/openusage/telemetry.sock"
        assert locations.spool_dir(env) == "/h/.local/state/openusage/telemetry-spool"
        assert locations.database_path(env) == "/h/.local/state/openusage/telemetry.db"
        assert locations.log_path(env) == "/h/.local/state/openusage/openusaged.log"
        assert locations.lock_path(env) == "/h/.local/state/openusage/openusaged.lock"
        assert locations.settings_path(env) == "/h/.config/openusage/settings.json"

    def test_home_without_variable(self) -> None:
        """Without HOME the system knows it."""
        assert locations.home({}) == os.path.expanduser("~")

    def test_process_environment_is_the_default(self, isolated_home: str) -> None:
        """Called without an environment, the process's own counts."""
        assert locations.home() == isolated_home
        assert locations.socket_path() == f"{isolated_home}/.local/state/openusage/telemetry.sock"
        assert locations.config_dir() == f"{isolated_home}/.config/openusage"


@pytest.mark.parametrize(
    ("value", "expected"), [("/x", "/x"), ("rel", "/h/.local/state"), ("", "/h/.local/state")]
)
def test_relative_xdg_directories_are_ignored(value: str, expected: str) -> None:
    """XDG asks for absolute paths and says to ignore others."""
    env = {"HOME": "/h", "XDG_STATE_HOME": value}
    assert locations.state_dir(env) == f"{expected}/openusage"


def test_config_directory_can_be_moved() -> None:
    """Our own variable wins over XDG."""
    env = {"HOME": "/h", "XDG_CONFIG_HOME": "/c", "OPENUSAGE_CONFIG_DIR": "/mine"}
    assert locations.settings_path(env) == "/mine/settings.json"


class TestSocket:
    def test_variable_wins(self) -> None:
        """The override is taken as it is."""
        assert locations.socket_path({"HOME": "/h", "OPENUSAGE_TELEMETRY_SOCKET": "/s"}) == "/s"

    def test_long_path_falls_back_to_the_runtime_directory(self) -> None:
        """A path the kernel cannot take is avoided when there is a short directory."""
        env = {"HOME": "/" + "h" * 90}
        path = locations.socket_path(env)
        assert len(path) > locations.MAX_SOCKET_PATH_BYTES
        assert locations.socket_path({**env, "XDG_RUNTIME_DIR": "rel"}) == path
        assert (
            locations.socket_path({**env, "XDG_RUNTIME_DIR": "/run/u"}) == "/run/u/openusage.sock"
        )

    def test_limit_counts_bytes(self) -> None:
        """The path of 103 bytes is the last that is used as it is."""
        tail = len("/.local/state/openusage/telemetry.sock")
        fits = {"HOME": "/" + "h" * (103 - tail - 1), "XDG_RUNTIME_DIR": "/run/u"}
        assert len(locations.socket_path(fits)) == 103
        over = {"HOME": "/" + "ü" * (103 - tail - 1), "XDG_RUNTIME_DIR": "/run/u"}
        assert locations.socket_path(over) == "/run/u/openusage.sock"
