"""
What a user sets up: which services there are, accounts and their keys, settings.

Methods run in the greenlet of whoever asked; what blocks (files, vendors, browsers) is handed to
threads through `work` and `read`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from openusage_proto import errors as wire
from openusage_proto.errors import CODES, RpcError
from openusage_proto.messages import AccountInfo, Accounts, Providers, SettingsResult
from openusage_proto.setup_messages import (
    CredentialDeleteParams,
    CredentialResult,
    CredentialSetParams,
    DetectResult,
    SettingsUpdateParams,
)
from openusage_proto.values import dataclass
from openusaged.config import updating
from openusaged.config.settings_file import LoadedSettings
from openusaged.core.errors import AuthRequired, InvalidParams, ProviderError
from openusaged.core.models import (
    ACCOUNT_AUTH_REQUIRED,
    ACCOUNT_ERROR,
    ACCOUNT_UNKNOWN,
    Account,
    UsageSnapshot,
)
from openusaged.detect import browsers
from openusaged.detect.findings import mask
from openusaged.providers import registry
from openusaged.providers.base import HttpClient, Machine, Provider
from openusaged.usecases import capabilities
from openusaged.usecases.accounts import Found, provider_of_account
from openusaged.usecases.detecting import Detecting
from openusaged.usecases.hook_news import HookNews
from openusaged.usecases.polling import poll
from openusaged.usecases.secrets import STORED, AccountSecrets, OneSecret

if TYPE_CHECKING:
    from openusaged.usecases.integrating import Integrating

T = TypeVar("T")

_BAD: Final = frozenset({ACCOUNT_AUTH_REQUIRED, ACCOUNT_ERROR, ACCOUNT_UNKNOWN})


class Work(Protocol):
    """Runs a function in a thread while the calling greenlet waits."""

    def __call__(self, fn: Callable[[], T], /) -> T:
        """The function's result."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What setting up needs of the running daemon."""

    machine: Machine
    http: HttpClient
    now_ms: Callable[[], int]
    settings_path: str
    work: Work
    read: Work
    """The same in a reader thread: short looks that must not wait behind four slow vendors."""
    found: Callable[[], Found]
    settings: Callable[[], LoadedSettings | None]
    statuses: Callable[[], Mapping[str, str]]
    """Status of the latest poll by account id."""
    redetect: Callable[[], None]
    reload: Callable[[], None]
    """Read the settings again and detect, at once."""
    keep: Callable[[UsageSnapshot], None]
    """Store what a check has learned: no second poll is needed."""
    log_changes: Callable[[], Mapping[str, int]]
    """When an account's logs last grew, as far as this run has seen it."""
    hook_news: HookNews


class SettingUp:
    """Use cases of `detect`, `providers`, `accounts`, `credential_*` and `settings_*`."""

    def __init__(self, around: Surroundings, detecting: Detecting, secrets: AccountSecrets) -> None:
        self._around = around
        self._detecting = detecting
        self._secrets = secrets
        self._integrating: Integrating | None = None

    @property
    def integrating(self) -> Integrating:
        """Use cases of `integration*`; what they need is imported when they are first asked for."""
        if self._integrating is None:
            from openusaged.usecases.integrating import Daemon, Integrating

            around, detecting = self._around, self._detecting
            self._integrating = Integrating(
                Daemon(
                    machine=around.machine,
                    now_ms=around.now_ms,
                    work=around.work,
                    found=around.found,
                    programs=lambda: {
                        binary.provider_id: binary.path for binary in detecting.detection.binaries
                    },
                    log_changes=around.log_changes,
                    news=around.hook_news,
                    declined=self._has_declined,
                )
            )
        return self._integrating

    def log_hints(self) -> None:
        """Name in the log what would wire each tool of this machine that is not wired."""
        # The hub does not read modules from the disk either.
        self._around.work(lambda: importlib.import_module("openusaged.usecases.integrating"))
        self.integrating.log_hints()

    @property
    def integration_states(self) -> Mapping[str, str]:
        """State of each tool when it was last looked at; for `status`, which opens no files."""
        return {} if self._integrating is None else self._integrating.states

    def _has_declined(self, integration: str) -> bool:
        loaded = self._around.settings()
        entry = loaded.settings.integrations.get(integration) if loaded is not None else None
        return entry is not None and entry.declined

    # ------------------------------------------------------------ looking

    def detect(self) -> DetectResult:
        """Look at the machine anew and say what was found where, and what was missed."""
        around = self._around
        around.redetect()
        return around.read(lambda: self._detecting.report(around.found()))

    def providers(self) -> Providers:
        """Every provider with its widgets, what it can tell and its state on this machine."""
        found, statuses = self._around.found(), self._around.statuses()
        binaries = {binary.provider_id for binary in self._detecting.detection.binaries}
        return Providers(
            providers=[
                capabilities.info(
                    provider,
                    [account.id for account in found.plain if account.provider_id == name],
                    statuses,
                    installed=name in binaries,
                )
                for name, provider in sorted(registry.load_all().items())
            ]
        )

    def accounts(self) -> Accounts:
        """Every account, the ones that are switched off, too."""
        statuses = self._around.statuses()
        return self._around.read(lambda: self._account_list(statuses))

    def _account_list(self, statuses: Mapping[str, str]) -> Accounts:
        settings = self._around.settings()
        disabled = settings.settings.disabled_accounts if settings is not None else frozenset()
        known = [
            self._account_info(account, provider, statuses.get(account.id, ""))
            for account, provider in self._around.found().accounts
        ]
        off = [
            AccountInfo(
                account_id=name,
                provider_id="",
                title=name,
                home="",
                origin="settings",
                enabled=False,
            )
            for name in sorted(disabled)
        ]
        return Accounts(accounts=known + off, browsers=browsers.installed(self._around.machine))

    def _account_info(self, account: Account, provider: Provider, status: str) -> AccountInfo:
        keys = self._secrets.all_of(account) if _takes_key(account, provider) else []
        session = self._secrets.credentials.read().sessions.get(account.id)
        credential = keys[0].masked if keys else ""
        source = keys[0].source if keys else ""
        if not keys and session is not None and provider.spec.cookie is not None:
            expired = ", expired" if session.expired(self._around.now_ms()) else ""
            credential = mask(session.value)
            source = f"{session.source_browser or 'pasted'} cookie{expired}"
        return AccountInfo(
            account_id=account.id,
            provider_id=account.provider_id,
            title=account.title or provider.spec.title,
            home=account.home,
            origin=account.origin,
            enabled=True,
            auth=provider.spec.auth,
            status=status,
            base_url=account.base_url,
            credential=credential,
            variable=account.api_key_env,
            source=source,
            unused_sources=[key.source for key in keys[1:]],
        )

    # -------------------------------------------------------- credentials

    def credential_set(self, params: CredentialSetParams) -> CredentialResult:
        """
        Store a key or a browser session, after the vendor has accepted it.

        Raises:
            InvalidParams: not exactly one of key, cookie and browser, or of the wrong kind.
            RpcError: `unknown_account`.
            AuthRequired: the vendor refused it, or the browser has no such cookie.
            ProviderError: it could not be checked.
            ConfigError: the file cannot be written.
        """
        ways = (params.key, params.cookie, params.browser)
        given = [value for value in ways if value is not None]
        if len(given) != 1 or not given[0].strip():
            raise InvalidParams("give exactly one of key, cookie and browser")
        account, provider = self._account(params.account_id)
        result, snapshot = self._around.work(lambda: self._store(params, account, provider))
        if snapshot is not None:
            self._around.keep(snapshot)
        self._around.redetect()
        return result

    def _store(
        self, params: CredentialSetParams, account: Account, provider: Provider
    ) -> tuple[CredentialResult, UsageSnapshot | None]:
        """Worker thread: read, try, write."""
        snapshot, expires_at = None, ""
        if params.key is not None:
            if not _takes_key(account, provider):
                raise InvalidParams(f"{account.id}: {provider.spec.title} takes no API key")
            value = params.key.strip()
            if params.check:
                snapshot = self._try(OneSecret(key=value), account, provider)
            self._secrets.credentials.set_key(account.id, value)
        else:
            if provider.spec.cookie is None:
                raise InvalidParams(f"{account.id}: {provider.spec.title} takes no cookie")
            session = (
                self._secrets.capture(account, provider.spec, params.browser)
                if params.browser is not None
                else self._secrets.pasted(account, provider.spec, (params.cookie or "").strip())
            )
            value, expires_at = session.value, session.expires_at
            if params.check:
                snapshot = self._try(OneSecret(cookie=value), account, provider)
            self._secrets.credentials.set_session(account.id, session)
        used = self._secrets.where(account) if params.key is not None else None
        shadowed = used is not None and used.source != STORED
        result = CredentialResult(
            account_id=account.id,
            provider_id=account.provider_id,
            stored=True,
            credential=mask(value),
            status=snapshot.status if snapshot is not None else "",
            message=snapshot.message if snapshot is not None else "",
            shadowed_by=_named(used.source, used.variable) if used and shadowed else "",
            expires_at=expires_at or None,
        )
        return result, None if shadowed else snapshot

    def _try(self, secret: OneSecret, account: Account, provider: Provider) -> UsageSnapshot | None:
        """Ask the vendor with it, at the account's own address; None when there is no asking."""
        if provider.fetch is None:
            return None
        around = self._around
        snapshot = poll(
            provider,
            account,
            machine=around.machine,
            http=around.http,
            now_ms=around.now_ms,
            secrets=secret,
        ).snapshot
        if snapshot.status == ACCOUNT_AUTH_REQUIRED:
            raise AuthRequired(f"not stored: {snapshot.message}")
        if snapshot.status in _BAD:
            raise ProviderError(
                f"not stored, because it could not be checked: {snapshot.message}"
                " (store it unchecked with --no-check)"
            )
        return snapshot

    def credential_delete(self, params: CredentialDeleteParams) -> CredentialResult:
        """
        Forget what was stored for an account.

        Raises:
            RpcError: `unknown_account`, nothing is stored for it.
            ConfigError: the file cannot be read or written.
        """
        around, name = self._around, params.account_id
        if not around.work(lambda: self._secrets.credentials.delete(name)):
            raise _unknown(f"nothing is stored for the account {name!r}")
        around.redetect()
        return CredentialResult(
            account_id=name,
            provider_id=provider_of_account(name, registry.load_all()),
            stored=False,
        )

    def _account(self, account_id: str) -> tuple[Account, Provider]:
        """The account of that id, or the one that a key for it would make."""
        for account, provider in self._around.found().accounts:
            if account.id == account_id:
                return account, provider
        providers = registry.load_all()
        provider_id = provider_of_account(account_id, providers)
        if not provider_id:
            ids = sorted(
                {key.account_id for one in providers.values() for key in one.spec.keys}
                | {account.id for account in self._around.found().plain}
            )
            raise _unknown(f"no account {account_id!r}; known: {', '.join(ids)}")
        return Account(id=account_id, provider_id=provider_id), providers[provider_id]

    # ----------------------------------------------------------- settings

    def settings_view(self) -> SettingsResult:
        """The effective settings."""
        settings = self._around.settings()
        if settings is None:
            return SettingsResult(path=self._around.settings_path, settings={}, warnings=[])
        document: dict[str, Any] = settings.settings.as_document()
        return SettingsResult(
            path=settings.path, settings=document, warnings=list(settings.warnings)
        )

    def settings_update(self, params: SettingsUpdateParams) -> SettingsResult:
        """
        Change the settings file and take the change over; all of it or nothing.

        Raises:
            ConfigError: what cannot be used, by key.
        """
        around = self._around
        providers = registry.load_all()
        for record in params.put_accounts:
            provider_id = record.get("provider")
            if provider_id is not None and provider_id not in providers:
                raise InvalidParams(
                    f"accounts: there is no provider {provider_id!r};"
                    f" known: {', '.join(sorted(providers))}"
                )
        around.work(
            lambda: updating.update(
                around.settings_path,
                around.machine.env,
                changes=params.changes,
                put_accounts=params.put_accounts,
                remove_accounts=params.remove_accounts,
            )
        )
        around.reload()
        return self.settings_view()


def _takes_key(account: Account, provider: Provider) -> bool:
    return bool(provider.spec.keys or account.api_key_env or provider.spec.auth == "api_key")


def _named(source: str, variable: str) -> str:
    return f"${variable} ({source})" if variable else source


def _unknown(detail: str) -> RpcError:
    slug = wire.UNKNOWN_ACCOUNT
    return RpcError(CODES[slug], slug, {"detail": detail})
