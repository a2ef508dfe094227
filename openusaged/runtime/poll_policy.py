"""
When a vendor is asked: pure rules over (state, now), no clock, no greenlets.

A poll that is too frequent locks users out of their vendor for the better part of an hour, so every
rule here only ever postpones; what has been promised to a vendor survives restarts because it is
derived from what the store keeps.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Final

from openusage_proto.values import dataclass
from openusaged.core.models import ACCOUNT_AUTH_REQUIRED

MAX_IN_FLIGHT: Final = 4
BACKOFF_CAP_S: Final = 3600.0
AUTH_INTERVAL_S: Final = 1800.0
"""Refused credentials are tried again this seldom: only the user can change them."""
JITTER: Final = 0.1
"""Polls are spread over this fraction behind their interval, so that accounts drift apart."""
RESET_GRACE_S: Final = 5.0
"""A vendor's counters have been reset this long after it said they would."""
MAX_DOUBLINGS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PollState:
    """What the store knows about the polls of one account."""

    last_poll_ms: int | None = None
    """Start or end of the latest poll, good or bad; None when there was none."""
    status: str = ""
    failures: int = 0
    """Polls in a row without figures."""
    retry_at_ms: int | None = None
    """Not before, because the vendor said so."""
    resets_at_ms: Sequence[int] = ()
    """When limits of the last good poll reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledAccount:
    """One account, its provider's minimum between polls, and its state."""

    id: str
    min_poll_s: float
    state: PollState = PollState()


def earliest_poll_ms(account: PolledAccount, now_ms: int) -> int:
    """Before this not even a user may have the vendor asked again."""
    state = account.state
    earliest = now_ms
    if state.last_poll_ms is not None:
        # a clock that was set back must not silence an account until it has caught up
        last = min(state.last_poll_ms, now_ms)
        earliest = last + round(account.min_poll_s * 1000)
    if state.retry_at_ms is not None:
        earliest = max(earliest, state.retry_at_ms)
    return earliest


def next_poll_ms(account: PolledAccount, now_ms: int, interval_s: float) -> int:
    """
    When to ask again, epoch milliseconds; may lie in the past (overdue).

    The interval, doubled per failure in a row up to an hour; half an hour at least after refused
    credentials; as soon as a limit has been reset; never before `earliest_poll_ms`.
    """
    state = account.state
    if state.last_poll_ms is None:
        return earliest_poll_ms(account, now_ms)
    last = min(state.last_poll_ms, now_ms)
    wait_s = max(interval_s, account.min_poll_s)
    if state.failures:
        wait_s = max(
            account.min_poll_s,
            min(BACKOFF_CAP_S, wait_s * 2.0 ** min(state.failures, MAX_DOUBLINGS)),
        )
    if state.status == ACCOUNT_AUTH_REQUIRED:
        wait_s = max(wait_s, AUTH_INTERVAL_S)
    due = last + round(wait_s * (1 + JITTER * _fraction(account.id, last)) * 1000)
    if not state.failures:
        for reset in state.resets_at_ms:
            after = reset + round(RESET_GRACE_S * 1000)
            if reset > last and after < due:
                due = after
    return max(due, earliest_poll_ms(account, now_ms))


class PollQueue:
    """Which account is to be polled now, and when to look again.  No clock of its own."""

    def __init__(self, interval_s: float, max_in_flight: int = MAX_IN_FLIGHT) -> None:
        self.interval_s = interval_s
        self._max_in_flight = max_in_flight
        self._accounts: dict[str, PolledAccount] = {}
        self._in_flight: set[str] = set()
        self._asked: set[str] = set()

    @property
    def in_flight(self) -> int:
        """Polls under way."""
        return len(self._in_flight)

    def set_accounts(self, accounts: Iterable[PolledAccount]) -> None:
        """The accounts from now on; polls of others that are under way finish unnoticed."""
        self._accounts = {account.id: account for account in accounts}
        self._asked &= self._accounts.keys()

    def due_ms(self, account_id: str, now_ms: int) -> int | None:
        """When the account's next poll is due, None when it is not polled."""
        account = self._accounts.get(account_id)
        if account is None:
            return None
        if account_id in self._asked:
            return earliest_poll_ms(account, now_ms)
        return next_poll_ms(account, now_ms, self.interval_s)

    def ask(self, account_ids: Iterable[str] | None, now_ms: int) -> tuple[list[str], list[str]]:
        """
        Poll these (all when None) ahead of their time.

        Returns:
            Those that are polled at once or already being polled, and those deferred because their
            vendor may not be asked yet; they stay scheduled as they were.
        """
        now, deferred = [], []
        for ident in self._accounts if account_ids is None else account_ids:
            account = self._accounts.get(ident)
            if account is None:
                continue
            if ident in self._in_flight:
                now.append(ident)
            elif earliest_poll_ms(account, now_ms) <= now_ms:
                self._asked.add(ident)
                now.append(ident)
            else:
                deferred.append(ident)
        return now, deferred

    def take_due(self, now_ms: int) -> list[str]:
        """Accounts to poll now, longest overdue first, as many as may be in flight."""
        room = self._max_in_flight - len(self._in_flight)
        if room <= 0:
            return []
        due = sorted(
            (when, ident)
            for ident in self._accounts
            if ident not in self._in_flight
            and (when := self.due_ms(ident, now_ms)) is not None
            and when <= now_ms
        )
        taken = [ident for _, ident in due[:room]]
        self._in_flight.update(taken)
        self._asked.difference_update(taken)
        return taken

    def finished(self, account_id: str, state: PollState) -> None:
        """The poll of this account is over and has left it in `state`."""
        self._in_flight.discard(account_id)
        account = self._accounts.get(account_id)
        if account is not None:
            self._accounts[account_id] = PolledAccount(
                id=account.id, min_poll_s=account.min_poll_s, state=state
            )

    def state(self, account_id: str) -> PollState:
        """The account's state as last reported."""
        account = self._accounts.get(account_id)
        return account.state if account is not None else PollState()

    def next_due_ms(self, now_ms: int) -> int | None:
        """When `take_due` will have something, None: not before a poll ends or accounts change."""
        if len(self._in_flight) >= self._max_in_flight:
            return None
        return min(
            (
                when
                for ident in self._accounts
                if ident not in self._in_flight and (when := self.due_ms(ident, now_ms)) is not None
            ),
            default=None,
        )


def _fraction(account_id: str, last_ms: int) -> float:
    """Jitter in [0, 1) that a restart does not change."""
    return zlib.crc32(f"{account_id}:{last_ms}".encode()) / 2**32
