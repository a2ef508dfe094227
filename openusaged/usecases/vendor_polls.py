"""
Polls as the daemon runs them: in a worker thread, committed, and told to the scheduler as states.

`polling` says what one poll is; this knows where accounts, secrets and the store are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from openusaged.core.models import MINUTE_WINDOW, Account, UsageSnapshot
from openusaged.providers.base import HttpClient, Machine, Provider
from openusaged.runtime.poll_policy import PolledAccount, PollState
from openusaged.runtime.pools import Pools
from openusaged.storage.store import Store, StoredSnapshot
from openusaged.usecases.accounts import Found
from openusaged.usecases.committing import Committer, EventWrite
from openusaged.usecases.polling import poll
from openusaged.usecases.secrets import AccountSecrets


class VendorPolls:
    """The scheduler's work; every method runs in a greenlet."""

    def __init__(
        self,
        *,
        machine: Machine,
        http: HttpClient,
        now_ms: Callable[[], int],
        secrets: AccountSecrets,
        pools: Pools,
        committer: Committer,
        store: Store,
        found: Callable[[], Found],
    ) -> None:
        self._machine = machine
        self._http = http
        self._now_ms = now_ms
        self._secrets = secrets
        self._pools = pools
        self._committer = committer
        self._store = store
        self._found = found

    def poll(self, account_id: str) -> PollState:
        """One poll of one account; its new state."""
        account, provider = self._account(account_id)
        fetched = self._pools.work(
            lambda: poll(
                provider,
                account,
                machine=self._machine,
                http=self._http,
                now_ms=self._now_ms,
                secrets=self._secrets,
            )
        )
        self._committer.submit(EventWrite(events=fetched.events, snapshots=(fetched.snapshot,)))
        return self.state_of(account)

    def polled(self) -> list[PolledAccount]:
        """The accounts that can be polled, each with its state."""
        stored = self._stored()
        return [
            PolledAccount(
                id=account.id,
                min_poll_s=provider.spec.min_poll_s,
                state=poll_state(stored.get((account.provider_id, account.id))),
            )
            for account, provider in self._found().accounts
            if provider.fetch is not None
        ]

    def state_of(self, account: Account) -> PollState:
        """What the store keeps of an account's polls."""
        return poll_state(self._stored().get((account.provider_id, account.id)))

    def statuses(self) -> dict[str, str]:
        """Status of the latest poll by account id."""
        return {account_id: item.latest_status for (_, account_id), item in self._stored().items()}

    def keep(self, snapshot: UsageSnapshot) -> None:
        """Store what the check of a new key has learned: as good as a poll."""
        self._committer.submit(EventWrite(snapshots=(snapshot,)))

    def _stored(self) -> Mapping[tuple[str, str], StoredSnapshot]:
        return self._pools.read(self._store.snapshots)

    def _account(self, account_id: str) -> tuple[Account, Provider]:
        for account, provider in self._found().accounts:
            if account.id == account_id:
                return account, provider
        raise KeyError(account_id)


def poll_state(stored: StoredSnapshot | None) -> PollState:
    """What the scheduler has to know of an account's polls, as the store keeps it."""
    if stored is None:
        return PollState()
    good = stored.last_good
    return PollState(
        last_poll_ms=stored.latest_ms or None,
        status=stored.latest_status,
        failures=stored.failures,
        retry_at_ms=stored.retry_at_ms or None,
        resets_at_ms=tuple(
            metric.resets_at_ms
            for metric in (good.metrics if good is not None else ())
            if metric.resets_at_ms is not None and metric.window != MINUTE_WINDOW
        ),
    )
