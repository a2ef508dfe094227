"""
Where a key or cookie comes from at the moment it is needed: looked up, handed over, never kept.

Precedence of a key: the daemon's environment, then what detection found in the user's files (in its
order), then `credentials.json`.  A browser's cookie is read again at most every ten minutes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Final

from openusage_proto.values import dataclass
from openusaged.config.accounts import COOKIE_BROWSER, COOKIE_DOMAIN, COOKIE_NAME
from openusaged.config.credentials import CredentialsFile, Session
from openusaged.core.errors import OpenUsageError
from openusaged.core.models import Account
from openusaged.detect import cookies
from openusaged.detect.findings import Detection, KeyFinding, mask
from openusaged.providers import registry
from openusaged.providers.base import Machine, ProviderSpec

log = logging.getLogger(__name__)

ENVIRONMENT: Final = "env"
STORED: Final = "credentials.json"
REREAD_MS: Final = 600_000

ReadCookie = Callable[[Machine, str, str, str], cookies.Cookie]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """A key, where it was found, and by which variable."""

    value: str = field(repr=False)
    source: str
    variable: str = ""

    @property
    def masked(self) -> str:
        """What may be shown of it."""
        return mask(self.value)


class AccountSecrets:
    """Implements `usecases.polling.Secrets`; safe to use from worker threads."""

    def __init__(
        self,
        machine: Machine,
        credentials: CredentialsFile,
        now_ms: Callable[[], int],
        read_cookie: ReadCookie = cookies.read,
    ) -> None:
        self._machine = machine
        self._credentials = credentials
        self._now_ms = now_ms
        self._read_cookie = read_cookie
        self._findings: Sequence[KeyFinding] = ()
        self._lock = threading.Lock()
        self._asked_ms: dict[str, int] = {}
        """When the browser of an account was asked last, whatever came of it."""

    @property
    def credentials(self) -> CredentialsFile:
        """The file with what the user stored."""
        return self._credentials

    def use(self, detection: Detection) -> None:
        """Take over what the newest detection has found."""
        self._findings = detection.keys

    def secret_of(self, account: Account) -> str:
        """The account's API key, or ""."""
        found = self.where(account)
        return found.value if found is not None else ""

    def where(self, account: Account) -> KeySource | None:
        """The key that counts for an account, and its source."""
        return next(iter(self.all_of(account)), None)

    def all_of(self, account: Account) -> list[KeySource]:
        """Every key there is for an account; the first counts."""
        known = _variables(account)
        names = [account.api_key_env] if account.api_key_env else known
        found = [
            KeySource(value=value, source=ENVIRONMENT, variable=name)
            for name in names
            if (value := self._machine.env.get(name, "").strip())
        ]
        found += [
            KeySource(value=finding.value, source=finding.source, variable=finding.variable)
            for finding in self._findings
            if finding.source != ENVIRONMENT and _fits(finding, account, known)
        ]
        stored = self._credentials.read().keys.get(account.id, "")
        if stored:
            found.append(KeySource(value=stored, source=STORED))
        return found

    def cookie_of(self, account: Account) -> str:
        """
        The value of the account's browser cookie, or "".

        A browser that cannot be read now leaves the stored value in use, even an expired one: the
        site decides.
        """
        stored = self._credentials.read().sessions.get(account.id)
        wanted = _wanted(account, stored)
        if wanted is not None and self._may_ask(account.id):
            try:
                stored = self._refreshed(account.id, wanted, stored)
            except OpenUsageError as error:
                log.info("event=cookie_unavailable account=%s reason=%s", account.id, error)
        return stored.value if stored is not None else ""

    def capture(self, account: Account, spec: ProviderSpec, browser: str) -> Session:
        """
        Read an account's cookie from a browser, for a user who has just asked for that.

        Raises:
            CookieUnavailable: not there, or the browser cannot be read.
        """
        domain, name = cookie_address(account, spec)
        cookie = self._read_cookie(self._machine, browser, domain, name)
        self._asked_ms[account.id] = self._now_ms()
        return self._session(cookie, domain, cookies.canonical(browser))

    def pasted(self, account: Account, spec: ProviderSpec, value: str) -> Session:
        """A session of a cookie value that the user brought."""
        domain, name = cookie_address(account, spec)
        return self._session(cookies.Cookie(host=domain, name=name, value=value), domain, "")

    def _may_ask(self, account_id: str) -> bool:
        """Once in `REREAD_MS`, also after a failure: a locked browser is left in peace."""
        now_ms = self._now_ms()
        with self._lock:
            asked_ms = self._asked_ms.get(account_id)
            if asked_ms is not None and 0 <= now_ms - asked_ms < REREAD_MS:
                return False
            self._asked_ms[account_id] = now_ms
            return True

    def _refreshed(self, account_id: str, wanted: Session, stored: Session | None) -> Session:
        cookie = self._read_cookie(
            self._machine, wanted.source_browser, wanted.domain, wanted.cookie_name
        )
        fresh = self._session(cookie, wanted.domain, wanted.source_browser)
        same = stored is not None and (stored.value, stored.expires_at) == (
            fresh.value,
            fresh.expires_at,
        )
        if stored is not None and same:
            return stored  # nothing is written when nothing has changed
        self._credentials.set_session(account_id, fresh)
        return fresh

    def _session(self, cookie: cookies.Cookie, domain: str, browser: str) -> Session:
        return Session(
            domain=domain,
            cookie_name=cookie.name,
            value=cookie.value,
            source_browser=browser,
            captured_at=_iso(self._now_ms() / 1000),
            expires_at=_iso(cookie.expires_s) if cookie.expires_s else "",
        )


class OneSecret:
    """Stands in for `AccountSecrets` while a key or cookie is tried before it is stored."""

    def __init__(self, key: str = "", cookie: str = "") -> None:
        self._key = key
        self._cookie = cookie

    def secret_of(self, account: Account) -> str:  # noqa: ARG002 - the protocol
        """The key on trial."""
        return self._key

    def cookie_of(self, account: Account) -> str:  # noqa: ARG002 - the protocol
        """The cookie on trial."""
        return self._cookie


def cookie_address(account: Account, spec: ProviderSpec) -> tuple[str, str]:
    """Domain and name of the cookie an account signs in with."""
    default = spec.cookie
    domain = account.options.get(COOKIE_DOMAIN) or (default.domain if default else "")
    name = account.options.get(COOKIE_NAME) or (default.name if default else "")
    return domain, name


def _wanted(account: Account, stored: Session | None) -> Session | None:
    """The cookie to read again: by the settings, else as it was connected; None without consent."""
    browser = account.options.get(COOKIE_BROWSER) or (stored.source_browser if stored else "")
    if not browser:
        return None
    provider = registry.load_all().get(account.provider_id)
    domain, name = cookie_address(account, provider.spec) if provider is not None else ("", "")
    if stored is not None and not account.options.get(COOKIE_DOMAIN):
        domain, name = stored.domain, stored.cookie_name
    if not domain or not name:
        return None
    return Session(domain=domain, cookie_name=name, value="", source_browser=browser)


def _variables(account: Account) -> list[str]:
    """The variables that hold a key for this account by default."""
    provider = registry.load_all().get(account.provider_id)
    keys = provider.spec.keys if provider is not None else ()
    return [key.name for key in keys if key.account_id == account.id]


def _fits(finding: KeyFinding, account: Account, known: Sequence[str]) -> bool:
    """
    Whether a key found in a file is this account's.

    An account that names a variable of its own takes only that one; otherwise the account that
    detection assigned the key to.
    """
    if finding.provider_id != account.provider_id:
        return False
    if account.api_key_env and finding.variable:
        return finding.variable == account.api_key_env
    own_variable = account.api_key_env and account.api_key_env not in known
    return finding.account_id == account.id and not own_variable


def _iso(epoch_s: float) -> str:
    try:
        return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""
