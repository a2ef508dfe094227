"""What answers do to the settings screen, and what is said about them."""

from __future__ import annotations

import dataclasses

import pytest

from openusage_client.tui.asking import Ask, Reply
from openusage_client.tui.settings import answers
from openusage_client.tui.settings.model import SettingsState
from openusage_proto import methods
from openusage_proto.integration_messages import (
    IntegrationChange,
    IntegrationResult,
    Integrations,
)
from openusage_proto.messages import Accounts
from openusage_proto.setup_messages import CredentialResult
from tests.support import settings_samples as samples

WAITING = SettingsState(busy="asking")


def reply(topic, result=None, error="", method=methods.ACCOUNTS):
    """The answer to a question of a topic."""
    given = dataclasses.asdict(result) if dataclasses.is_dataclass(result) else result
    return Reply(ask=Ask(topic=topic, method=method), result=given, error=error)


def stored(**changes):
    """What `credential_set` says."""
    given = {"account_id": "groq", "provider_id": "groq", "stored": True, "credential": "gsk...1"}
    return CredentialResult(**{**given, **changes})


def test_lists_are_taken_over_and_do_not_end_waiting():
    """A list that comes in between is no answer to what one waits for."""
    settings, words = answers.receive(
        WAITING,
        reply(answers.ACCOUNT_LIST, Accounts(accounts=samples.ACCOUNTS, browsers=["brave"])),
        "before",
    )
    assert settings.accounts == tuple(samples.ACCOUNTS)
    assert settings.browsers == ("brave",)
    assert (settings.busy, words) == ("asking", "before")
    settings, _ = answers.receive(
        settings,
        reply(answers.INTEGRATION_LIST, Integrations(integrations=samples.INTEGRATIONS)),
        "",
    )
    assert settings.integrations == tuple(samples.INTEGRATIONS)
    found = {"path": "/s.json", "settings": {}, "warnings": ["data: odd"]}
    settings, _ = answers.receive(settings, reply(answers.SETTINGS, found), "")
    assert (settings.path, settings.warnings) == ("/s.json", ("data: odd",))


def test_a_list_that_is_refused_says_why_in_its_tab_until_it_comes():
    """The next good answer takes the words away."""
    settings, words = answers.receive(
        WAITING, reply(answers.ACCOUNT_LIST, error="storage busy"), "before"
    )
    assert settings.failures == {answers.ACCOUNT_LIST: "storage busy"}
    assert words == "before"
    settings, _ = answers.receive(settings, reply(answers.ACCOUNT_LIST, Accounts(accounts=[])), "")
    assert settings.failures == {}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (stored(status="NEAR_LIMIT"), "stored gsk...1 for groq, the vendor says: near limit"),
        (stored(), "stored gsk...1 for groq, not checked: there is nothing to ask"),
        (
            stored(status="OK", shadowed_by="$GROQ_API_KEY (env)"),
            (
                "stored gsk...1 for groq, the vendor says: ok; "
                "the key from $GROQ_API_KEY (env) counts before it"
            ),
        ),
    ],
)
def test_f06_a_stored_key_is_told_masked_with_the_vendors_word(result, words):
    """Also when another source counts before it."""
    settings, told = answers.receive(WAITING, reply(answers.KEY_STORED, result), "")
    assert told == words
    assert settings.busy == ""


@pytest.mark.parametrize(
    ("topic", "error", "words"),
    [
        (answers.KEY_STORED, "not stored: the key was refused", "not stored: the key was refused"),
        (answers.KEY_STORED, "not stored, because no answer", "not stored, because no answer"),
        (answers.KEY_STORED, "no such account", "not stored: no such account"),
        (answers.KEY_DELETED, "read-only", "not deleted: read-only"),
        (answers.INTEGRATED, "changed meanwhile", "not changed: changed meanwhile"),
        (answers.PLANNED, "line 3: no JSON", "not possible: line 3: no JSON"),
        ("switched", "refused", "refused"),
    ],
)
def test_f16_a_refusal_is_told_once_with_its_reason(topic, error, words):
    """And ends the waiting."""
    settings, told = answers.receive(WAITING, reply(topic, error=error), "")
    assert (settings.busy, told) == ("", words)


def test_f07_a_deleted_key_is_told():
    """By the account's name."""
    result = stored(stored=False)
    assert answers.receive(WAITING, reply(answers.KEY_DELETED, result), "")[1] == (
        "forgot what was stored for groq"
    )


def integration(**changes):
    """What an installation would be."""
    given = {
        "id": "codex", "title": "Codex", "action": "installed", "dry_run": True,
        "state": "missing", "plan": "p1",
        "changes": [
            IntegrationChange(path="/c.toml", action="change",
                              diff="--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new", backup="/c.toml.1")
        ],
        "notes": ["start a new session"],
    }  # fmt: skip
    return IntegrationResult(**{**given, **changes})


def test_f14_a_planned_change_is_shown_and_asked_about():
    """The files, the difference, and no as the first answer; yes carries the plan."""
    planned = reply(answers.PLANNED, integration(), method=methods.INTEGRATION_INSTALL)
    settings, words = answers.receive(WAITING, planned, "")
    assert (settings.busy, words) == ("", "")
    dialog = answers.question(planned)
    assert dialog is not None
    assert dialog.purpose == answers.INSTALL
    assert dialog.lines == ("start a new session", "change /c.toml", "-old", "+new")
    assert [choice.value for choice in dialog.choices] == ["", "p1"]


def test_f15_taking_out_is_asked_about_as_such():
    """The same question with other words."""
    dialog = answers.question(
        reply(answers.PLANNED, integration(), method=methods.INTEGRATION_UNINSTALL)
    )
    assert dialog is not None
    assert (dialog.purpose, dialog.title) == (
        answers.UNINSTALL, "Take the hooks out of Codex?",
    )  # fmt: skip


def test_nothing_to_change_is_told_without_a_question():
    """No dialog for an empty plan, a refusal or another topic."""
    nothing = reply(answers.PLANNED, integration(changes=[], notes=["as shipped"]))
    assert answers.question(nothing) is None
    assert answers.receive(WAITING, nothing, "")[1] == (
        "Codex: there is nothing to change; as shipped"
    )
    assert answers.question(reply(answers.PLANNED, error="no")) is None
    assert answers.question(reply(answers.INTEGRATED, integration())) is None
    assert answers.question(reply(answers.PLANNED, {"id": 3})) is None


def test_f14_what_was_done_names_the_copy_of_the_file():
    """And what is to be done besides."""
    told = answers.receive(WAITING, reply(answers.INTEGRATED, integration(dry_run=False)), "")[1]
    assert told == "Codex: installed; the file before is /c.toml.1; start a new session"
    plain = integration(dry_run=False, changes=[], notes=[], action="unchanged")
    assert answers.receive(WAITING, reply(answers.INTEGRATED, plain), "")[1] == "Codex: unchanged"


def test_an_answer_nobody_understands_is_said():
    """A daemon of another version is no crash."""
    told = answers.receive(WAITING, reply(answers.ACCOUNT_LIST, {"accounts": 7}), "")[1]
    assert told.startswith("the daemon's answer is not understood: ")
    assert answers.receive(WAITING, reply("another", {}), "before")[1] == "before"
