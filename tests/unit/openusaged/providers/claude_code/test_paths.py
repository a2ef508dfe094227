"""Homes of Claude Code and their accounts."""

from __future__ import annotations

import os

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.claude_code import PROVIDER
from openusaged.providers.claude_code.paths import discover, home_of_transcript, units, watch


def make(home, *names):
    for name in names:
        path = os.path.join(home, name)
        os.makedirs(os.path.dirname(path) if "." in os.path.basename(name) else path, exist_ok=True)
        if "." in os.path.basename(name):
            with open(path, "w"):
                pass


def found(home, platform="linux", **env):
    return [
        (account.id, os.path.relpath(account.home, home), account.origin)
        for account in discover(Machine(env=env, home=home, platform=platform))
    ]


def test_empty_machine_has_no_account(isolated_home):
    """Nothing on disk, no account; an empty directory is no sign either."""
    os.mkdir(f"{isolated_home}/.claude")
    assert found(isolated_home) == []


@pytest.mark.parametrize("sign", ["projects", ".credentials.json", "settings.json"])
def test_default_home_by_any_sign(isolated_home, sign):
    """Transcripts, a sign-in or settings make the default home an account."""
    make(f"{isolated_home}/.claude", sign)
    assert found(isolated_home) == [("claude-code", ".claude", "default")]


@pytest.mark.parametrize("config_home", ["", "relative", "{home}/xdg"])
def test_moved_default_home(isolated_home, config_home):
    """The XDG home counts when it has transcripts; relative XDG paths are ignored."""
    base = "xdg" if config_home.startswith("{") else ".config"
    make(f"{isolated_home}/{base}/claude", "projects")
    make(f"{isolated_home}/.claude", "projects")
    env = {"XDG_CONFIG_HOME": config_home.format(home=isolated_home)}
    ids = {(account_id, home) for account_id, home, _ in found(isolated_home, **env)}
    assert ids == {("claude-code", ".claude"), (f"claude-code:{base.strip('.')}", f"{base}/claude")}


def test_config_dir_replaces_the_defaults(isolated_home):
    """CLAUDE_CONFIG_DIR lists homes or their projects; what is no home is passed over."""
    make(f"{isolated_home}/.claude", "projects")
    make(f"{isolated_home}/desk/.claude", "settings.json")
    make(f"{isolated_home}/b/desk", "projects/p")
    make(f"{isolated_home}/empty", "x")
    setting = f"~/desk/.claude, {isolated_home}/b/desk/projects/,~/empty,relative,~/no/projects,,"
    assert found(isolated_home, CLAUDE_CONFIG_DIR=setting) == [
        ("claude-code:desk", "b/desk", "env:CLAUDE_CONFIG_DIR"),
        ("claude-code:desk-2", "desk/.claude", "env:CLAUDE_CONFIG_DIR"),
    ]
    (only,) = discover(Machine(env={"CLAUDE_CONFIG_DIR": "~"}, home=f"{isolated_home}/b/desk"))
    assert only.paths["projects"] == f"{isolated_home}/b/desk/projects"
    assert found(isolated_home, CLAUDE_CONFIG_DIR="/nowhere") == []


def test_default_home_keeps_its_id_in_the_list(isolated_home):
    """`~/.claude` is `claude-code` however it is named, and a home named twice is one."""
    make(f"{isolated_home}/.claude", "projects")
    make(f"{isolated_home}/other", "projects")
    os.symlink(f"{isolated_home}/.claude", f"{isolated_home}/link")
    setting = "~/other,~/.claude,~/link"
    assert [account_id for account_id, *_ in found(isolated_home, CLAUDE_CONFIG_DIR=setting)] == [
        "claude-code",
        "claude-code:other",
    ]


def test_cowork_sandboxes_are_one_account(isolated_home):
    """The desktop application's sandboxes are one account on macOS; only transcripts count."""
    base = f"{isolated_home}/Library/Application Support/Claude/local-agent-mode-sessions"
    make(base, "g/s/local_1/.claude/projects/p/a.jsonl", "g/s/local_1/agent/local_2/audit.jsonl")
    make(base, "g/s/agent/local_2/.claude/projects/p/b.jsonl")
    assert found(isolated_home) == []
    machine = Machine(env={}, home=isolated_home, platform="darwin")
    (account,) = discover(machine)
    assert account.id == "claude-code:cowork"
    assert sorted(os.path.basename(unit.path) for unit in units(account, machine)) == [
        "a.jsonl",
        "b.jsonl",
    ]
    assert home_of_transcript(f"{base}/g/s/local_1/.claude/projects/p/a.jsonl", machine) == account


def test_units_are_all_transcripts_oldest_first(isolated_home):
    """Every transcript at any depth is a unit of its project, the oldest change first."""
    home = f"{isolated_home}/.claude"
    make(home, "projects/p/b.jsonl", "projects/p/S/subagents/agent-a.jsonl", "projects/q/a.jsonl")
    make(home, "projects/p/notes.txt", "projects/top.jsonl")
    for at, name in enumerate(
        ("q/a.jsonl", "p/b.jsonl", "p/S/subagents/agent-a.jsonl", "top.jsonl")
    ):
        os.utime(f"{home}/projects/{name}", (at, at))
    machine = Machine(env={}, home=isolated_home)
    (account,) = discover(machine)
    listed = [
        (os.path.relpath(u.path, home), os.path.relpath(u.group, home))
        for u in units(account, machine)
    ]
    assert listed == [
        ("projects/q/a.jsonl", "projects/q"),
        ("projects/p/b.jsonl", "projects/p"),
        ("projects/p/S/subagents/agent-a.jsonl", "projects/p"),
        ("projects/top.jsonl", "projects/top.jsonl"),
    ]
    assert list(watch(account, machine)) == [f"{home}/projects"]


def test_account_of_settings_needs_only_a_home(isolated_home):
    """An account that a user wrote down has no named paths: its projects are in its home."""
    account = Account(id="x", provider_id="claude_code", home="/data/claude")
    assert list(watch(account, Machine(env={}, home=isolated_home))) == ["/data/claude/projects"]


def test_provider_is_complete():
    """The exported provider answers to its source and has every function of an agent."""
    assert (PROVIDER.id, PROVIDER.sources) == ("claude_code", ("claude_code",))
    assert all((PROVIDER.units, PROVIDER.collect, PROVIDER.watch, PROVIDER.fetch, PROVIDER.hook))
    keys = {metric.key for metric in PROVIDER.spec.metrics}
    assert set(PROVIDER.spec.dashboard.gauges) | set(PROVIDER.spec.detail.gauges) <= keys
    assert PROVIDER.spec.min_poll_s >= 300
