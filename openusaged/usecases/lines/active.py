"""Which tool a line is about: pinned, running in the pane, the last used, or the first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from openusage_proto.values import dataclass
from openusaged.usecases.lines.figures import AccountFigures, Figures

STRATEGIES: Final = ("recency", "priority")
PRIORITY: Final = (
    "claude_code",
    "cursor",
    "codex",
    "copilot",
    "gemini_cli",
    "opencode",
    "ollama",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What decides."""

    provider: str = ""
    account: str = ""
    pane_command: str = ""
    strategy: Sequence[str] = STRATEGIES
    priority: Sequence[str] = ()
    recency_ms: int = 4 * 3_600_000


def choose(
    figures: Figures, choice: Choice, provider_of_command: Callable[[str], str]
) -> tuple[AccountFigures | None, list[AccountFigures]]:
    """The account to show, and all candidates in order; of a pinned provider only its own."""
    accounts = list(figures.accounts)
    if choice.account:
        accounts = [one for one in accounts if one.account.id == choice.account]
    if choice.provider:
        accounts = [one for one in accounts if one.account.provider_id == choice.provider]
    if choice.account or choice.provider:
        ordered = sorted(accounts, key=lambda one: -(one.last_ms or 0))
        return next(iter(ordered), None), ordered
    running = provider_of_command(os.path.basename(choice.pane_command))
    in_pane = [one for one in accounts if running and one.account.provider_id == running]
    if in_pane:
        ordered = sorted(in_pane, key=lambda one: -(one.last_ms or 0))
        return ordered[0], ordered
    candidates = next((found for found in _tried(figures, accounts, choice) if found), [])
    telling = [one for one in candidates if _tells(one)]
    others = [one for one in accounts if _tells(one)]
    return next(iter([*telling, *others, *candidates, *accounts]), None), candidates


def _tried(
    figures: Figures, accounts: Sequence[AccountFigures], choice: Choice
) -> Iterator[list[AccountFigures]]:
    for strategy in choice.strategy:
        if strategy == "recency":
            recent = [
                one
                for one in accounts
                if one.last_ms is not None and figures.now_ms - one.last_ms <= choice.recency_ms
            ]
            yield sorted(recent, key=lambda one: -(one.last_ms or 0))
        else:
            order = {name: at for at, name in enumerate(choice.priority or PRIORITY)}
            known = [one for one in accounts if one.account.provider_id in order]
            yield sorted(known, key=lambda one: order[one.account.provider_id])


def _tells(one: AccountFigures) -> bool:
    """Whether there is a figure worth a line."""
    spent = one.today is not None and one.today.requests > 0
    return spent or one.five_hour is not None or one.plan is not None or one.block is not None


def command_table(binaries: Mapping[str, Sequence[str]]) -> Callable[[str], str]:
    """From a program's name to the provider that it belongs to."""
    table = {name: provider for provider, names in binaries.items() for name in names}
    # Programs that several services come with say nothing about which is in use.
    for shared in ("gh", "code", "node", "python", "python3"):
        table.pop(shared, None)
    return lambda name: table.get(name, "") if name else ""
