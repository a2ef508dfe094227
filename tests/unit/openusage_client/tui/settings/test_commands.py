"""The keys of the settings screen, pressed on a state: what changes, and what is asked for."""

from __future__ import annotations

import dataclasses

import pytest

from openusage_client.preferences import VIEWS, WINDOWS
from openusage_client.tui import actions, keymap
from openusage_client.tui.asking import Ask
from openusage_client.tui.changes import SaveSettings
from openusage_client.tui.dialog import YES
from openusage_client.tui.effects import CycleTheme, KeepTheme, OpenSite, Size
from openusage_client.tui.settings import answers, model, questions, rows
from openusage_proto import methods
from tests.support import screen_samples
from tests.support import settings_samples as samples

SIZE = Size(80, 24)


def press(state, *keys):
    """The state after keys, and the effects of the last of them."""
    effects = ()
    for key in keys:
        command = keymap.lookup(state.context, key)
        assert command, f"{key} does nothing in {state.context}"
        state, effects = actions.perform(command, state, SIZE)
    return state, effects


def patch_of(effects, document=None):
    """What the only effect would write into these settings."""
    (effect,) = effects
    assert isinstance(effect, SaveSettings)
    return effect.change(document or samples.document())


def row_of(state, account_id, by="key"):
    """Place of a row in the keys tab."""
    found = [(row.account_id, row.by) for row in rows.key_rows(state)]
    return found.index((account_id, by))


class TestMoving:
    def test_f01_opens_from_every_page_and_closes_to_it(self):
        """`,` and `S` open it, Esc goes back to where one was; the lists are asked for anew."""
        for screen in (("main",), ("main", "detail")):
            state = screen_samples.state(screen_samples.accounts(2), screens=screen)
            for key in (",", "S"):
                opened, effects = press(state, key)
                assert opened.screen == "settings"
                assert "themes" in effects
                asked = {effect.method for effect in effects if isinstance(effect, Ask)}
                assert asked == {methods.SETTINGS_GET, methods.ACCOUNTS, methods.INTEGRATIONS}
                for close in ("Esc", "Backspace", key):
                    assert press(opened, close)[0].screens == screen

    @pytest.mark.parametrize(("number", "tab"), list(enumerate(model.TABS, 1)))
    def test_a_number_opens_its_tab(self, number, tab):
        """Eight tabs, eight keys."""
        assert press(samples.state(), str(number))[0].settings.tab == tab

    def test_tabs_go_round(self):
        """Behind the last comes the first."""
        state = samples.state(model.OPTIONS)
        assert press(state, "Tab")[0].settings.tab == model.ACCOUNTS
        assert press(samples.state(), "BackTab")[0].settings.tab == model.OPTIONS

    @pytest.mark.parametrize("tab", model.TABS)
    def test_the_cursor_stays_among_the_rows(self, tab):
        """Ends, pages and single steps stop at both ends; each tab keeps its own place."""
        state, _ = press(samples.state(tab), "G")
        last = rows.count(state) - 1
        assert rows.cursor(state) == last >= 1
        assert rows.cursor(press(state, "Down")[0]) == last
        assert rows.cursor(press(state, "Up")[0]) == last - 1
        assert rows.cursor(press(state, "g", "k")[0]) == 0
        if tab != model.SECTIONS:
            assert rows.cursor(press(state, "PgUp", "PgDn")[0]) == last
        elsewhere = press(state, "Tab")[0]
        kept = press(elsewhere, "BackTab")[0]
        assert rows.cursor(kept) == (0 if tab == model.THEME else last)

    @pytest.mark.parametrize("tab", model.TABS)
    def test_no_key_fails_on_an_empty_screen(self, tab):
        """Before the daemon has answered there are no rows to act on."""
        state = samples.state(
            tab,
            document={"unknown": {}},
            settings={"accounts": None, "integrations": None, "catalogue": None},
            model=None,
        )
        state = dataclasses.replace(
            state, providers={}, preferences=screen_samples.state().preferences
        )
        for row in keymap.rows(state.context):
            for key in row.keys:
                press(state, key)


class TestAccounts:
    def test_f02_space_switches_the_account_and_says_so(self):
        """Off is written with the whole order, so that the account keeps its place."""
        _, effects = press(samples.state(), "Down", "Space")
        listed = patch_of(effects)["dashboard"]["providers"]
        assert [entry["account_id"] for entry in listed][:3] == [
            "claude-1",
            "codex-1",
            "opencode-1",
        ]
        assert [entry.get("enabled") for entry in listed][:3] == [None, False, None]
        assert effects[0].words == "saved: codex-1 is off"

    def test_an_account_that_its_own_record_switches_off_is_switched_on_there(self):
        """The list of tiles cannot outvote the account's record, so the record is changed, too."""
        document = samples.document(accounts=[{"id": "openai", "provider": "openai",
                                               "enabled": False}])  # fmt: skip
        state = samples.state(document=document, cursor=3)
        assert not rows.account_rows(state)[3].on
        _, (save, ask) = press(state, "Enter")
        assert save.words == "saved: openai is on"
        assert ask.params == {"put_accounts": [{"id": "openai", "enabled": True}]}

    def test_an_account_that_the_list_switches_off_needs_nothing_else(self):
        """One change is enough where the list says off."""
        document = samples.document(
            dashboard={"providers": [{"account_id": "codex-1", "enabled": False}]}
        )
        state = samples.state(document=document)
        assert rows.account_rows(state)[0].account_id == "codex-1"
        _, effects = press(state, "Enter")
        assert patch_of(effects, document)["dashboard"]["providers"][0] == {
            "account_id": "codex-1", "enabled": True,
        }  # fmt: skip

    def test_f02_accounts_are_put_in_order_and_the_cursor_follows(self):
        """J and K move; at the ends nothing happens and nothing is written."""
        state, effects = press(samples.state(), "J")
        listed = patch_of(effects)["dashboard"]["providers"]
        assert [entry["account_id"] for entry in listed][:2] == ["codex-1", "claude-1"]
        assert rows.cursor(state) == 1
        assert press(samples.state(), "K")[1] == ()
        assert press(samples.state(), "G", "J")[1] == ()

    @pytest.mark.parametrize(
        ("own", "hidden", "word"),
        [(None, True, "hidden"), (True, False, "shown"), (False, None, "by plan")],
    )
    def test_costs_go_round_three_words(self, own, hidden, word):
        """As `c` on the overview."""
        entry = {"account_id": "claude-1"} | ({} if own is None else {"hide_costs": own})
        document = samples.document(dashboard={"providers": [entry]})
        _, effects = press(samples.state(document=document), "c")
        listed = patch_of(effects, document)["dashboard"]["providers"]
        assert listed[0].get("hide_costs") is hidden
        assert effects[0].words == f"saved: costs of claude-1 {word}"

    def test_an_account_that_has_gone_is_not_listed(self):
        """The file may name what is not on this machine; what it switched off stays visible."""
        document = samples.document(
            dashboard={
                "providers": [{"account_id": "gone"}, {"account_id": "off", "enabled": False}]
            }
        )
        listed = [row.account_id for row in rows.account_rows(samples.state(document=document))]
        assert "gone" not in listed
        assert "off" in listed


class TestSections:
    def test_f03_sections_are_switched_moved_and_emptied(self):
        """Tiles first, `<` shows those of the detail screen; h is about empty ones."""
        state = samples.state(model.SECTIONS)
        assert patch_of(press(state, "Space")[1])["dashboard"]["widget_sections"][0] == {
            "id": "top_usage_progress", "enabled": False,
        }  # fmt: skip
        moved = patch_of(press(state, "J")[1])["dashboard"]["widget_sections"]
        assert [entry["id"] for entry in moved][:2] == ["model_burn", "top_usage_progress"]
        assert patch_of(press(state, "h")[1]) == {
            "dashboard": {"hide_sections_with_no_data": False}
        }
        detail, _ = press(state, "<")
        written = patch_of(press(detail, "Enter")[1])["dashboard"]["detail_sections"]
        assert written[0] == {"id": "usage", "enabled": False}
        assert press(detail, ">")[0].settings.detail_sections is False

    def test_f03_the_preview_scrolls(self):
        """And never above its top."""
        state = samples.state(model.SECTIONS)
        down, _ = press(state, "PgDn")
        assert down.settings.preview_scroll == 10
        assert press(down, "PgUp", "PgUp")[0].settings.preview_scroll == 0


class TestThemeAndView:
    def test_f04_moving_shows_a_theme_and_leaving_brings_the_old_one_back(self):
        """Nothing is written until Enter."""
        state, _ = press(samples.state(), "3")
        assert state.theme_preview == ""
        moved, effects = press(state, "Down")
        chosen = moved.settings.catalogue.entries[rows.cursor(moved)].theme.name
        assert (moved.theme_preview, effects) == (chosen, ())
        assert press(moved, "Tab")[0].theme_preview == ""
        assert press(moved, "Enter")[1] == (KeepTheme(chosen),)

    def test_the_cursor_starts_on_the_theme_in_use(self):
        """Also when the themes are read after the tab has been opened."""
        document = samples.document(theme="Paper")
        state, _ = press(samples.state(document=document), "3")
        names = [entry.theme.name for entry in state.settings.catalogue.entries]
        assert names[rows.cursor(state)] == "Paper"
        late = samples.state(document=document, settings={"cursors": {}, "catalogue": None})
        from openusage_client.tui.settings.commands import with_catalogue

        late = with_catalogue(late, state.settings.catalogue)
        assert late.settings.cursors[model.THEME] == rows.cursor(state)

    def test_g02_t_asks_for_the_next_theme_and_T_for_the_previous(self):
        """On every page outside the settings."""
        for screens in (("main",), ("main", "detail"), ("main", "help")):
            state = screen_samples.state(screen_samples.accounts(1), screens=screens)
            assert press(state, "t")[1] == (CycleTheme(1),)
            assert press(state, "T")[1] == (CycleTheme(-1),)

    @pytest.mark.parametrize("at", range(len(VIEWS)))
    def test_f05_a_view_is_chosen(self, at):
        """Each of them, by its row."""
        _, effects = press(samples.state(model.VIEW, at), "Enter")
        assert patch_of(effects) == {"dashboard": {"view": VIEWS[at]}}


class TestKeys:
    def test_f06_a_key_is_typed_unseen_and_checked_before_it_is_stored(self):
        """The question hides what is typed; the call leaves `check` at its default: on."""
        state = samples.state(model.KEYS)
        state, _ = press(samples.state(model.KEYS, row_of(state, "openai")), "Enter")
        dialog = state.dialog
        assert (dialog.kind, dialog.subject, dialog.value) == ("secret", "openai", "")
        after, (ask,) = questions.answer(state, dialog, " sk-planted-0001 ")
        assert after.dialog is None
        assert "openai" in after.settings.busy
        assert ask.method == methods.CREDENTIAL_SET
        assert ask.params == {"account_id": "openai", "key": "sk-planted-0001"}
        assert ask.then == (questions.ACCOUNTS_AGAIN,)

    def test_f06_a_secret_is_in_no_printed_form(self):
        """Neither the state nor the question repeats it, whatever prints them."""
        state = samples.state(model.KEYS)
        state, _ = press(samples.state(model.KEYS, row_of(state, "mistral")), "Enter")
        after, (ask,) = questions.answer(state, state.dialog, "sk-planted-0001")
        assert "planted" not in repr(after) + repr(ask)

    def test_nothing_typed_changes_nothing(self):
        """Enter on an empty line is no key."""
        state, _ = press(samples.state(model.KEYS, 0), "Enter")
        after, effects = questions.answer(state, state.dialog, "  ")
        assert effects == ()
        assert "nothing was typed" in after.notice
        assert questions.answer(state, state.dialog, None)[1] == ()

    def test_f07_a_stored_key_is_deleted_after_a_question(self):
        """No is the first answer; yes deletes and lists the accounts anew."""
        state = samples.state(model.KEYS)
        state, _ = press(samples.state(model.KEYS, row_of(state, "openai")), "d")
        assert state.dialog.choices[0].value == ""
        assert questions.answer(state, state.dialog, "")[1] == ()
        _, (ask,) = questions.answer(state, state.dialog, YES)
        assert (ask.method, ask.params) == (methods.CREDENTIAL_DELETE, {"account_id": "openai"})

    def test_f08_a_key_of_the_environment_is_read_only(self):
        """It is listed as ENV, and deleting it is refused with the reason."""
        state = samples.state(model.KEYS)
        at = row_of(state, "groq")
        assert rows.key_rows(state)[at].state == "ENV"
        after, effects = press(samples.state(model.KEYS, at), "d")
        assert (after.dialog, effects) == (None, ())
        assert after.notice == "that key is in your environment; OpenUsage only reads it"
        missing = samples.state(model.KEYS, row_of(state, "mistral"))
        assert press(missing, "x")[0].notice == "nothing is stored here for it"

    def test_f09_connecting_lists_browsers_and_says_what_is_read(self):
        """The cookie by name, and who may be asked for a key; Enter and c are the same."""
        state = samples.state(model.KEYS)
        at = row_of(state, "cursor", "browser")
        for key in ("Enter", "c"):
            asked, _ = press(samples.state(model.KEYS, at), key)
            words = " ".join(asked.dialog.lines)
            assert "the cookie session of cursor.com, no other one" in words
            labels = {choice.value: choice.label for choice in asked.dialog.choices}
            assert labels["firefox"] == "Firefox"
            assert labels["chrome"] == "Chrome (the system may ask you for its key)"
        _, (ask,) = questions.answer(asked, asked.dialog, "firefox")
        assert ask.params == {"account_id": "cursor", "browser": "firefox"}

    def test_f09_browsers_that_are_there_are_the_ones_listed(self):
        """When the daemon says which."""
        state = samples.state(model.KEYS, settings={"browsers": ("firefox", "brave")})
        row = rows.key_rows(state)[row_of(state, "cursor", "browser")]
        assert [choice.value for choice in questions.browser(state, row).choices] == [
            "firefox", "brave",
        ]  # fmt: skip

    def test_f10_a_session_is_forgotten_and_its_site_opened(self):
        """x asks first; b opens the site; what has none says so."""
        state = samples.state(model.KEYS)
        here = samples.state(model.KEYS, row_of(state, "cursor", "browser"))
        assert "browser session" in press(here, "x")[0].dialog.title
        assert press(here, "b")[1] == (OpenSite("https://cursor.com"),)
        key = samples.state(model.KEYS, row_of(state, "openai"))
        assert "no site" in press(key, "b")[0].notice
        assert "not through a browser" in press(key, "c")[0].notice

    def test_f11_a_rejected_session_is_stale(self):
        """By the word of the vendor or the cookie's own end."""
        state = samples.state(model.KEYS)
        assert rows.key_rows(state)[row_of(state, "cursor", "browser")].state == "STALE"
        accounts = [
            samples.info("cursor", "cursor", credential="ab...yz", source="firefox cookie",
                         status=status)
            for status in ("AUTH_REQUIRED", "OK")
        ]  # fmt: skip
        found = [
            rows.key_rows(samples.state(model.KEYS, settings={"accounts": (one,)}))[0].state
            for one in accounts
        ]
        assert found == ["STALE", "OK"]

    def test_a_key_of_a_file_is_told_apart(self):
        """And an account without one is missing its variable."""
        accounts = (
            samples.info("openai", "openai", credential="sk...1", source="shell_rc:/home/u/.zshrc"),
            samples.info("groq", "groq", variable="MY_GROQ"),
            samples.info("off", "groq", enabled=False),
            samples.info("odd", "nonesuch"),
        )
        listed = rows.key_rows(samples.state(model.KEYS, settings={"accounts": accounts}))
        assert [(row.account_id, row.state, row.detail) for row in listed[:2]] == [
            ("openai", "FILE", "sk...1  shell_rc:/home/u/.zshrc"), ("groq", "MISSING", "$MY_GROQ"),
        ]  # fmt: skip
        assert {row.account_id for row in listed[2:]} == {"cursor", "mistral", "perplexity"}


class TestTelemetry:
    UNMAPPED = dataclasses.replace(screen_samples.UNMAPPED, suggestion="claude_code")

    def state(self, cursor, **links):
        """The tab with one unmapped source and these links."""
        document = samples.document(telemetry={"provider_links": links})
        found = screen_samples.model(screen_samples.accounts(3), unmapped=[self.UNMAPPED])
        return samples.state(model.TELEMETRY, cursor, document=document, model=found)

    @pytest.mark.parametrize("at", range(len(WINDOWS)))
    def test_f12_a_window_is_shown_and_kept(self, at):
        """As w, and the program opens with it."""
        after, effects = press(self.state(at), "Enter")
        assert after.window == WINDOWS[at]
        assert effects[0] == "window"
        assert patch_of(effects[1:]) == {"data": {"time_window": WINDOWS[at]}}

    def test_f13_a_source_is_mapped_with_the_suggestion_first(self):
        """m and Enter ask; only services with an account can own usage; x takes it back."""
        for key in ("m", "Enter"):
            state, _ = press(self.state(len(WINDOWS)), key)
            values = [choice.value for choice in state.dialog.choices]
            assert values[0] == state.dialog.value == "claude_code"
            assert "mistral" not in values
        _, effects = questions.answer(state, state.dialog, "codex")
        assert patch_of(effects) == {"telemetry": {"provider_links": {"proxy": "codex"}}}
        mapped = self.state(len(WINDOWS), proxy="nonesuch")
        assert rows.source_rows(mapped)[0].words == "mapped to nonesuch, which has no account"
        assert patch_of(press(mapped, "x")[1]) == {"telemetry": {"provider_links": {"proxy": None}}}
        assert "no mapping" in press(self.state(len(WINDOWS)), "x")[0].notice
        assert "no mapping" in press(self.state(0), "x")[0].notice

    def test_f13_mapped_names_stay_listed(self):
        """Also when nothing of them is unmapped any more; links of the program are no mapping."""
        listed = rows.source_rows(self.state(0, other="codex"))
        assert [(row.source, row.link) for row in listed] == [("proxy", ""), ("other", "codex")]

    def test_a_source_without_anybody_to_own_it_is_told(self):
        """No dialog with nothing in it."""
        state = dataclasses.replace(self.state(len(WINDOWS)), providers={})
        after, _ = press(state, "m")
        assert after.dialog is None
        assert "no service has an account" in after.notice
        assert rows.source_rows(state)[0].words == "no account; claude_code is suggested"


class TestIntegrations:
    def test_f14_installing_asks_the_daemon_what_would_change(self):
        """Nothing is written before the answer has been shown and agreed to."""
        state, (ask,) = press(samples.state(model.INTEGRATIONS, 1), "Enter")
        assert (ask.topic, ask.method) == (answers.PLANNED, methods.INTEGRATION_INSTALL)
        assert ask.params == {"id": "codex", "dry_run": True}
        assert "Codex" in state.settings.busy

    def test_f15_uninstalling_is_a_key(self):
        """u, with the same care."""
        _, (ask,) = press(samples.state(model.INTEGRATIONS, 0), "u")
        assert ask.method == methods.INTEGRATION_UNINSTALL
        assert ask.params == {"id": "claude_code", "dry_run": True}

    @pytest.mark.parametrize(
        ("purpose", "method"),
        [
            (answers.INSTALL, methods.INTEGRATION_INSTALL),
            (answers.UNINSTALL, methods.INTEGRATION_UNINSTALL),
        ],
    )
    def test_f14_exactly_the_plan_that_was_shown_is_carried_out(self, purpose, method):
        """The answer is the plan's mark; no answer does nothing."""
        state = samples.state(model.INTEGRATIONS)
        dialog = questions.Dialog(purpose=purpose, subject="codex", title="", kind="choice")
        assert questions.answer(state, dialog, "")[1] == ()
        _, (ask,) = questions.answer(state, dialog, "plan-1")
        assert (ask.method, ask.params) == (method, {"id": "codex", "plan": "plan-1"})
        assert ask.then == (questions.INTEGRATIONS_AGAIN,)


class TestOptions:
    def at(self, name, **document):
        """The tab with the cursor on one option."""
        state = samples.state(model.OPTIONS, document=samples.document(**document))
        names = [option.name for option in rows.option_rows(state)]
        return samples.state(
            model.OPTIONS, names.index(name), document=samples.document(**document)
        )

    def test_f17_a_flag_is_switched_at_once(self):
        """No question for yes or no."""
        _, effects = press(self.at("telemetry.poll"), "Space")
        assert patch_of(effects) == {"telemetry": {"poll": False}}
        assert effects[0].words == "saved: Ask vendors at all off"

    def test_f17_a_number_is_typed(self):
        """The present value stands there; what is no number is said in the same dialog."""
        state, _ = press(self.at("data.retention_days"), "Enter")
        dialog = state.dialog
        assert (dialog.kind, dialog.value, dialog.label) == ("text", "30", "Value (days)")
        wrong, effects = questions.answer(state, dialog, "a month")
        assert effects == ()
        assert wrong.dialog.value == "a month"
        assert wrong.dialog.lines[-1] == "! Keep every turn for: a whole number is wanted"
        again, _ = questions.answer(wrong, wrong.dialog, "soon")
        assert sum(line.startswith("! ") for line in again.dialog.lines) == 1
        _, effects = questions.answer(again, again.dialog, "90")
        assert patch_of(effects) == {"data": {"retention_days": 90}}

    def test_f17_one_of_several_is_chosen(self):
        """The one in force is marked; nothing set is one of them."""
        state, _ = press(self.at("dashboard.hide_costs"), "Enter")
        assert state.dialog.value == "hidden for flat rates only"
        _, effects = questions.answer(state, state.dialog, "always hidden")
        assert patch_of(effects) == {"dashboard": {"hide_costs": True}}

    def test_f17_an_option_is_put_back_to_its_default(self):
        """d takes it out of the file, by the file's own name."""
        _, effects = press(self.at("tmux.recency_window"), "d")
        assert patch_of(effects) == {"tmux": {"recency_window": None}}

    def test_what_is_edited_in_the_file_says_where(self):
        """A structure is no line of text."""
        after, effects = press(self.at("tmux.color_rules"), "Enter")
        assert effects == ()
        assert after.notice == (
            "tmux.color_rules is edited in /home/user/.config/openusage/settings.json"
        )

    def test_an_option_that_has_gone_meanwhile_is_said(self):
        """The daemon was replaced while the question stood there."""
        state, _ = press(self.at("data.retention_days"), "Enter")
        dialog = dataclasses.replace(state.dialog, subject="nonesuch")
        assert "not in the settings any more" in questions.answer(state, dialog, "1")[0].notice


def test_r_looks_again_for_everything():
    """Themes, accounts, settings and integrations."""
    _, effects = press(samples.state(), "r")
    assert len(effects) == 4


def test_every_purpose_of_a_question_has_an_answer():
    """A dialog that is opened can be closed."""
    assert {
        "option",
        "key",
        "forget",
        "browser",
        "link",
        "install",
        "uninstall",
        "replace-daemon",
    } == (questions.PURPOSES)
