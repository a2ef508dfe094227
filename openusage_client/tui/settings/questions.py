"""
The dialogs of the settings screen, and what their answers ask for.

A dialog is opened by putting it into the state; its answer comes back with the purpose it had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from openusage_client.tui import versions
from openusage_client.tui.asking import Ask
from openusage_client.tui.changes import SaveSettings
from openusage_client.tui.dialog import YES, Choice, Dialog, confirm
from openusage_client.tui.effects import Outcome
from openusage_client.tui.settings import answers, edits, options, rows
from openusage_client.tui.settings.option_table import Option
from openusage_client.tui.settings.rows import KeyRow, SourceRow
from openusage_client.tui.state import AppState
from openusage_proto import methods
from openusage_proto.integration_messages import IntegrationInfo

_BROWSERS: Final[Mapping[str, str]] = {
    "firefox": "Firefox",
    "safari": "Safari",
    "chrome": "Chrome",
    "chromium": "Chromium",
    "edge": "Edge",
    "brave": "Brave",
    "vivaldi": "Vivaldi",
    "opera": "Opera",
}
_PROMPTING: Final = frozenset(_BROWSERS) - {"firefox", "safari"}
"""Their cookies are locked with a key the system may ask the user for."""
_WHERE: Final = "Kept in credentials.json beside the settings, readable for you only."
ACCOUNTS_AGAIN: Final = Ask(topic=answers.ACCOUNT_LIST, method=methods.ACCOUNTS)
INTEGRATIONS_AGAIN: Final = Ask(topic=answers.INTEGRATION_LIST, method=methods.INTEGRATIONS)


def asked(state: AppState, dialog: Dialog) -> Outcome:
    """The state with a question in front of it."""
    return replace(state, dialog=dialog), ()


def busy(state: AppState, words: str, question: Ask) -> Outcome:
    """The state that waits for an answer, and the question."""
    return replace(state, settings=replace(state.settings, busy=words)), (question,)


def answer(state: AppState, dialog: Dialog, value: str | None) -> Outcome:
    """
    The state after a dialog has closed, and what its answer asks for.

    `value` is what was typed or chosen; None when it was left.
    """
    state = replace(state, dialog=None, notice="")
    if value is None:
        return state, ()
    return _ANSWERS[dialog.purpose](state, dialog, value)


# ------------------------------------------------------------------ options


def option(state: AppState, chosen: Option, value: object) -> Dialog:
    """Asks for the value of an option."""
    lines = (chosen.help, f"In {state.settings.path or 'settings.json'}: {chosen.name}")
    if chosen.choices:
        return Dialog(
            purpose="option",
            subject=chosen.name,
            title=chosen.label,
            kind="choice",
            lines=lines,
            value=options.shown(chosen, value),
            choices=tuple(Choice(value=word, label=word) for _, word in chosen.choices),
            keys="Enter saves, Esc cancels",
        )
    unit = f" ({chosen.unit})" if chosen.unit else ""
    return Dialog(
        purpose="option",
        subject=chosen.name,
        title=chosen.label,
        kind="text",
        lines=lines,
        label=f"Value{unit}",
        value=options.as_typed(chosen, value),
    )


def _option(state: AppState, dialog: Dialog, value: str) -> Outcome:
    chosen = next((item for item in rows.option_rows(state) if item.name == dialog.subject), None)
    if chosen is None:
        return replace(state, notice=f"{dialog.subject} is not in the settings any more"), ()
    before = options.value_of(state.preferences.document, chosen.path)
    if chosen.choices:
        new = next(known for known, word in chosen.choices if word == value)
    else:
        try:
            new = options.typed(chosen, value, before)
        except options.NotUsable as error:
            again = replace(dialog, value=value, lines=(*_plain(dialog), f"! {error}"))
            return asked(state, again)
    path = (*chosen.path[:-1], chosen.written or chosen.path[-1])
    return state, (SaveSettings(edits.set_value(path, new), f"saved: {chosen.label}"),)


def _plain(dialog: Dialog) -> tuple[str, ...]:
    """The lines without what was wrong before."""
    return tuple(line for line in dialog.lines if not line.startswith("! "))


# ------------------------------------------------------------- keys, browsers


def key(row: KeyRow) -> Dialog:
    """Asks for an API key."""
    before = f"So far: {row.detail}" if row.state in ("OK", "ENV", "FILE") else ""
    counts = "A key in a variable or another tool's file counts before one that is stored here."
    lines = (
        "The vendor is asked with it first; only a key that works is kept.",
        _WHERE,
        *((before, counts) if row.state in ("ENV", "FILE") else (before,) if before else ()),
    )
    return Dialog(
        purpose="key",
        subject=row.account_id,
        title=f"API key of {row.title}",
        kind="secret",
        lines=lines,
        label="Key",
        keys="Enter checks and saves, Esc cancels",
    )


def _key(state: AppState, dialog: Dialog, value: str) -> Outcome:
    secret = value.strip()
    if not secret:
        return replace(state, notice="nothing was typed, nothing is changed"), ()
    question = Ask(
        topic=answers.KEY_STORED,
        method=methods.CREDENTIAL_SET,
        params={"account_id": dialog.subject, "key": secret},
        then=(ACCOUNTS_AGAIN,),
    )
    return busy(state, f"asking the vendor whether the key of {dialog.subject} works", question)


def forget(row: KeyRow) -> Dialog:
    """Asks whether what is stored is to be deleted."""
    what = "browser session" if row.by == "browser" else "key"
    return confirm(
        "forget",
        f"Forget the {what} of {row.title}?",
        ("It is taken out of credentials.json.", "Figures that are stored stay."),
        f"Yes, forget the {what}",
        row.account_id,
    )


def _forget(state: AppState, dialog: Dialog, value: str) -> Outcome:
    if value != YES:
        return state, ()
    question = Ask(
        topic=answers.KEY_DELETED,
        method=methods.CREDENTIAL_DELETE,
        params={"account_id": dialog.subject},
        then=(ACCOUNTS_AGAIN,),
    )
    return busy(state, f"forgetting {dialog.subject}", question)


def browser(state: AppState, row: KeyRow) -> Dialog:
    """Asks which browser is signed in, after saying what will be read."""
    provider = next(
        (item for item in state.providers.values() if item.cookie_domain.lstrip(".") == row.domain),
        None,
    )
    cookie = provider.cookie_name if provider else "session"
    names = [name for name in _BROWSERS if name in state.settings.browsers] or list(_BROWSERS)
    return Dialog(
        purpose="browser",
        subject=row.account_id,
        title=f"Connect {row.title} through a browser",
        kind="choice",
        lines=(
            f"Reads the cookie {cookie} of {row.domain}, no other one, and sends it there only.",
            "Reads it again at most every 10 minutes, to follow a renewed sign-in.",
            _WHERE,
        ),
        choices=tuple(
            Choice(
                value=name,
                label=_BROWSERS[name]
                + (" (the system may ask you for its key)" if name in _PROMPTING else ""),
            )
            for name in names
        ),
        keys="Enter reads it now, Esc cancels",
    )


def _browser(state: AppState, dialog: Dialog, value: str) -> Outcome:
    question = Ask(
        topic=answers.KEY_STORED,
        method=methods.CREDENTIAL_SET,
        params={"account_id": dialog.subject, "browser": value},
        then=(ACCOUNTS_AGAIN,),
    )
    return busy(state, f"reading {_BROWSERS[value]}; the system may ask for its key", question)


# ------------------------------------------------------------ telemetry links


def link(state: AppState, row: SourceRow) -> Dialog:
    """Asks whose usage it is."""
    targets = sorted(
        (item for item in state.providers.values() if item.accounts),
        key=lambda item: (item.id != row.suggestion, item.title.casefold()),
    )
    return Dialog(
        purpose="link",
        subject=row.source,
        title=f"Whose usage is {row.source}?",
        kind="choice",
        lines=("Its turns are then shown with the account of that service.",),
        value=row.link or row.suggestion,
        choices=tuple(
            Choice(
                value=item.id,
                label=f"{item.title} ({', '.join(item.accounts)})"
                + (" – suggested" if item.id == row.suggestion else ""),  # noqa: RUF001
            )
            for item in targets
        ),
    )


def _link(state: AppState, dialog: Dialog, value: str) -> Outcome:
    change = edits.set_link(dialog.subject, value)
    return state, (SaveSettings(change, f"{dialog.subject} is mapped to {value}"),)


# --------------------------------------------------------------- integrations


def plan(state: AppState, info: IntegrationInfo, *, uninstall: bool) -> Outcome:
    """Has the daemon say what it would change; its answer opens the next question."""
    method = methods.INTEGRATION_UNINSTALL if uninstall else methods.INTEGRATION_INSTALL
    question = Ask(topic=answers.PLANNED, method=method, params={"id": info.id, "dry_run": True})
    return busy(state, f"looking what would change for {info.title}", question)


def _integrate(method: str) -> Callable[[AppState, Dialog, str], Outcome]:
    def answered(state: AppState, dialog: Dialog, value: str) -> Outcome:
        if not value:
            return state, ()
        question = Ask(
            topic=answers.INTEGRATED,
            method=method,
            params={"id": dialog.subject, "plan": value},
            then=(INTEGRATIONS_AGAIN,),
        )
        return busy(state, f"changing the settings of {dialog.subject}", question)

    return answered


def _replace_daemon(state: AppState, _dialog: Dialog, value: str) -> Outcome:
    if value != YES:
        return state, ()
    return replace(state, notice="replacing the daemon …"), ("replace-daemon",)


_ANSWERS: Final[Mapping[str, Callable[[AppState, Dialog, str], Outcome]]] = {
    "option": _option,
    "key": _key,
    "forget": _forget,
    "browser": _browser,
    "link": _link,
    versions.REPLACE: _replace_daemon,
    answers.INSTALL: _integrate(methods.INTEGRATION_INSTALL),
    answers.UNINSTALL: _integrate(methods.INTEGRATION_UNINSTALL),
}
PURPOSES: Final = frozenset(_ANSWERS)
