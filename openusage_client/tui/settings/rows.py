"""
The rows of each tab: what can be switched, chosen or typed there, made of what is known.

Pure, and the same for drawing and for the keys, so that a key acts on the row it is drawn on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from openusage_client.preferences import VIEWS, WINDOWS
from openusage_client.tui.settings import edits, model, options
from openusage_client.tui.settings.option_table import Group, Option
from openusage_proto.messages import AccountInfo, ProviderInfo, Unmapped
from openusage_proto.values import dataclass

if TYPE_CHECKING:
    from openusage_client.tui.state import AppState

TILE_PATH: Final = ("dashboard", "widget_sections")
DETAIL_PATH: Final = ("dashboard", "detail_sections")
LINKS: Final = ("telemetry", "provider_links")

BUILT_IN_LINKS: Final[Mapping[str, str]] = {
    "anthropic": "claude_code",
    "google": "gemini_api",
    "github-copilot": "copilot",
    "azure": "azure_openai",
}
"""Links that come with the daemon; it takes them as suggestions only."""

TILE_SECTIONS: Final[Mapping[str, str]] = {
    "top_usage_progress": "limits and balances",
    "model_burn": "models",
    "client_burn": "clients",
    "project_breakdown": "projects",
    "tool_usage": "tools",
    "mcp_usage": "MCP servers",
    "language_burn": "languages",
    "code_stats": "lines of code",
    "daily_usage": "day by day",
    "provider_burn": "who bills",
    "upstream_providers": "upstream hosts",
    "other_data": "everything else",
}
DETAIL_SECTIONS: Final[Mapping[str, str]] = {
    "usage": "limits and balances",
    "spending": "spending",
    "models": "models",
    "clients": "clients",
    "projects": "projects",
    "tools": "tools",
    "mcp": "MCP servers",
    "languages": "languages",
    "code_stats": "lines of code",
    "trends": "trends",
    "activity_heatmap": "hours and weekdays",
    "cost_requests": "cost and requests",
    "forecast": "forecast",
    "upstream": "upstream hosts",
    "provider_burn": "who bills",
    "other_data": "everything else",
    "timers": "timers",
    "info": "about the account",
}
VIEW_WORDS: Final[Mapping[str, str]] = {
    "grid": "tiles side by side",
    "stacked": "one tile below the other, in full",
    "tabs": "one account at a time",
    "split": "a list on the left, the account on the right",
    "compare": "two accounts side by side",
    "compact": "one line per account, for a narrow pane",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account and whether it is on; `costs` is its own word on them."""

    account_id: str
    provider: str
    title: str
    on: bool
    costs: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """
    What an account signs in with: `by` is `key` or `browser`.

    `state` is OK, ENV, FILE, MISSING, STALE or NEW; `stored` says that there is something of ours
    to delete.
    """

    account_id: str
    title: str
    by: str
    state: str
    detail: str
    stored: bool = False
    domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """Usage under a name that no account owns, or a name that is mapped: `link` is its target."""

    source: str
    words: str
    suggestion: str = ""
    link: str = ""
    unmapped: Unmapped | None = None


def account_rows(state: AppState) -> list[AccountRow]:
    """Every account in the order of the tiles, the ones that are off, too."""
    known = _known(state)
    document = state.preferences.document
    off = _off(document)
    entries = edits.ordered(document, edits.PROVIDERS, "account_id", list(known))
    rows = []
    for account_id, on in entries:
        info = known.get(account_id)
        if info is None and state.settings.accounts is not None and on:
            # Listed for an account that is not there now: nothing to switch.
            continue
        provider = state.providers.get(info.provider_id) if info else None
        rows.append(
            AccountRow(
                account_id=account_id,
                provider=provider.title if provider else (info.provider_id if info else ""),
                title=info.title if info else account_id,
                on=on and account_id not in off,
                costs=_cost_words(state.preferences.costs_of.get(account_id)),
                origin=info.origin if info else "",
            )
        )
    return rows


def _cost_words(hidden: bool | None) -> str:  # noqa: FBT001
    return "by plan" if hidden is None else "hidden" if hidden else "shown"


def _known(state: AppState) -> dict[str, AccountInfo]:
    if state.settings.accounts is not None:
        return {info.account_id: info for info in state.settings.accounts}
    shown = state.model.accounts if state.model else []
    return {
        item.account_id: AccountInfo(
            account_id=item.account_id, provider_id=item.provider_id, title=item.title,
            home="", origin="", enabled=True,
        )
        for item in shown
    }  # fmt: skip


def _off(document: Mapping[str, object]) -> frozenset[str]:
    listed = document.get("disabled_accounts")
    return frozenset(listed) if isinstance(listed, list) else frozenset()


def section_names(state: AppState) -> Mapping[str, str]:
    """The sections of the chosen half of the tab, with what they show."""
    return DETAIL_SECTIONS if state.settings.detail_sections else TILE_SECTIONS


def section_path(state: AppState) -> tuple[str, str]:
    """Where the chosen half is in the settings."""
    return DETAIL_PATH if state.settings.detail_sections else TILE_PATH


def section_rows(state: AppState) -> list[tuple[str, bool]]:
    """Sections in their order with whether they are on."""
    names = section_names(state)
    listed = edits.ordered(state.preferences.document, section_path(state), "id", list(names))
    return [(name, on) for name, on in listed if name in names]


def key_rows(state: AppState) -> list[KeyRow]:
    """What can be signed in with a key or a browser: accounts first, then services without one."""
    rows: list[KeyRow] = []
    seen: set[str] = set()
    if state.settings.accounts is None:
        # Who has a key is not known yet; that nobody has one would be a claim.
        return rows
    for info in state.settings.accounts:
        provider = state.providers.get(info.provider_id)
        if provider is None or not info.enabled:
            continue
        seen.add(provider.id)
        if provider.cookie_name:
            rows.append(_browser_row(info, provider))
        if _takes_key(info, provider):
            rows.append(_key_row(info, provider))
    missing = [item for item in state.providers.values() if item.id not in seen]
    for provider in sorted(missing, key=lambda item: item.title.casefold()):
        account = provider.id.replace("_", "-")
        if provider.cookie_name:
            rows.append(
                KeyRow(account_id=account, title=provider.title, by="browser", state="NEW",
                       detail=f"cookie of {provider.cookie_domain.lstrip('.')}",
                       domain=provider.cookie_domain.lstrip("."))
            )  # fmt: skip
        if provider.variables:
            rows.append(
                KeyRow(account_id=account, title=provider.title, by="key", state="MISSING",
                       detail=", ".join(f"${name}" for name in provider.variables))
            )  # fmt: skip
    return rows


def _takes_key(info: AccountInfo, provider: ProviderInfo) -> bool:
    return bool(provider.variables or info.variable or provider.auth == "api_key")


def _by_cookie(info: AccountInfo) -> bool:
    return " cookie" in info.source


def _key_row(info: AccountInfo, provider: ProviderInfo) -> KeyRow:
    stored = "credentials.json" in (info.source, *info.unused_sources)
    names = [info.variable] if info.variable else provider.variables
    variables = ", ".join(f"${name}" for name in names)
    if not info.credential or _by_cookie(info):
        return KeyRow(account_id=info.account_id, title=info.title or provider.title, by="key",
                      state="MISSING", detail=variables, stored=stored)  # fmt: skip
    state = {"credentials.json": "OK", "env": "ENV"}.get(info.source, "FILE")
    where = {"OK": "stored here", "ENV": variables}.get(state, info.source)
    return KeyRow(
        account_id=info.account_id,
        title=info.title or provider.title,
        by="key",
        state=state,
        detail=f"{info.credential}  {where}",
        stored=stored,
    )


def _browser_row(info: AccountInfo, provider: ProviderInfo) -> KeyRow:
    domain = provider.cookie_domain.lstrip(".")
    connected = _by_cookie(info)
    stale = "expired" in info.source or (connected and info.status == "AUTH_REQUIRED")
    detail = f"{info.credential}  {info.source}" if connected else f"cookie of {domain}"
    return KeyRow(
        account_id=info.account_id,
        title=info.title or provider.title,
        by="browser",
        state="STALE" if stale else "OK" if connected else "NEW",
        detail=detail,
        stored=connected,
        domain=domain,
    )


def source_rows(state: AppState) -> list[SourceRow]:
    """Sources without an account, then the names the user has mapped."""
    links = options.value_of(state.preferences.document, LINKS)
    mapped = {
        source: str(target)
        for source, target in (links if isinstance(links, dict) else {}).items()
        if BUILT_IN_LINKS.get(source) != target
    }
    rows = []
    seen = set()
    for item in state.model.unmapped if state.model else ():
        source = item.source or item.provider
        seen.add(source)
        target = mapped.get(source, "")
        rows.append(
            SourceRow(source=source, words=_why(state, target, item.suggestion), link=target,
                      suggestion=item.suggestion, unmapped=item)
        )  # fmt: skip
    rows += [
        SourceRow(source=source, words=f"mapped to {target}", link=target)
        for source, target in sorted(mapped.items())
        if source not in seen
    ]
    return rows


def _why(state: AppState, target: str, suggestion: str) -> str:
    if target and target != suggestion:
        return f"mapped to {target}, which has no account"
    if suggestion in state.providers and state.providers[suggestion].accounts:
        return f"no account; {state.providers[suggestion].title} is suggested"
    return "no account" if not suggestion else f"no account; {suggestion} is suggested"


def option_groups(state: AppState) -> list[Group]:
    """The options under their headings."""
    return options.groups(state.preferences.document)


def option_rows(state: AppState) -> list[Option]:
    """The options alone, in the order of drawing."""
    return [option for group in option_groups(state) for option in group.options]


def window_count() -> int:
    """Rows of time windows before those of sources."""
    return len(WINDOWS)


_COUNTS: Final[Mapping[str, Callable[[AppState], int]]] = {
    model.ACCOUNTS: lambda state: len(account_rows(state)),
    model.SECTIONS: lambda state: len(section_rows(state)),
    model.THEME: lambda state: (
        len(state.settings.catalogue.entries) if state.settings.catalogue else 0
    ),
    model.VIEW: lambda _state: len(VIEWS),
    model.KEYS: lambda state: len(key_rows(state)),
    model.TELEMETRY: lambda state: window_count() + len(source_rows(state)),
    model.INTEGRATIONS: lambda state: len(state.settings.integrations or ()),
    model.OPTIONS: lambda state: len(option_rows(state)),
}


def count(state: AppState) -> int:
    """Rows of the open tab."""
    return _COUNTS[state.settings.tab](state)


def cursor(state: AppState) -> int:
    """The row the keys act on; -1 when there is none."""
    return min(state.settings.cursor, count(state) - 1)
