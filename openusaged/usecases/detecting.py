"""
Runs detection in a worker thread, remembers it, and says for every provider what was found where.

Cached between runs: what a run depends on is known by its files' stamps, so that asking whether it
is outdated costs a few dozen `stat` calls.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator

from openusage_proto.setup_messages import (
    DetectedAccount,
    DetectedTool,
    DetectionSource,
    DetectResult,
    MissingProvider,
)
from openusaged.config.settings import Settings
from openusaged.core.models import Account
from openusaged.core.windows import iso
from openusaged.detect import sign_ins
from openusaged.detect.findings import MATCHED, Detection, Variable, mask
from openusaged.detect.machine import Detector, Wanted, stamps
from openusaged.providers import registry
from openusaged.providers.base import Machine, Provider
from openusaged.usecases.accounts import Found, find_accounts, roots_of
from openusaged.usecases.secrets import STORED, AccountSecrets

log = logging.getLogger(__name__)


class Detecting:
    """One machine's detection; `run` and `outdated` belong to worker threads."""

    def __init__(
        self,
        machine: Machine,
        secrets: AccountSecrets,
        now_ms: Callable[[], int],
        *,
        directory: str = "",
        keys: bool = True,
        probe: sign_ins.Run = sign_ins.run_quietly,
    ) -> None:
        self._machine = machine
        self._secrets = secrets
        self._now_ms = now_ms
        self._directory = directory
        """Where the daemon runs, one more project directory."""
        self._keys = keys
        """False in a demonstration: a user's own keys have no place beside sample data."""
        self._detector = Detector(machine, now_ms, probe)
        self._running = threading.Lock()
        self._stamps: dict[str, tuple[int, int, int] | None] = {}
        self._key_hashes: dict[str, int] = {}
        self.detection = Detection()
        self.at_ms = 0
        self.rekeyed: list[str] = []
        """Accounts whose key the last run found to be another one than before."""

    @property
    def credentials_path(self) -> str:
        """The file whose change brings or takes keys."""
        return self._secrets.credentials.path

    def run(self, settings: Settings) -> Found:
        """Look at the machine and say which accounts there are; one run at a time."""
        with self._running:
            return self._run(settings)

    def _run(self, settings: Settings) -> Found:
        detection = Detection()
        if settings.auto_detect and self._keys:
            detection = self._detector.detect(self._wanted(settings))
        self._secrets.use(detection)
        found = find_accounts(
            self._machine,
            settings.accounts,
            auto_detect=settings.auto_detect,
            disabled=settings.disabled_accounts,
            detection=detection,
            secrets=self._secrets,
        )
        if warning := self._secrets.credentials.warning:
            found.warnings.append(warning)
        self._stamps = stamps(self._files(detection))
        self.detection, self.at_ms = detection, self._now_ms()
        # Python salts hashes of texts per process: nothing can be told from one
        hashes = {account.id: hash(self._secrets.secret_of(account)) for account in found.plain}
        before, self._key_hashes = self._key_hashes, hashes
        self.rekeyed = [name for name in hashes if before.get(name, hashes[name]) != hashes[name]]
        log.info(
            "event=detected programs=%d keys=%d accounts=%d",
            len(detection.binaries),
            len(detection.keys),
            len(found.accounts),
        )
        return found

    def outdated(self) -> bool:
        """Whether a file that keys are read from has appeared, changed or gone."""
        return stamps(self._stamps) != self._stamps

    def _files(self, detection: Detection) -> list[str]:
        return [*detection.files, self.credentials_path]

    def _wanted(self, settings: Settings) -> Wanted:
        detect = settings.detect
        directories = (*detect.directories, self._directory)
        return Wanted(
            specs=[provider.spec for provider in registry.load_all().values()],
            extra_variables=[
                Variable(
                    name=account.api_key_env,
                    provider_id=account.provider_id,
                    account_id=account.id,
                )
                for account in settings.accounts
                if account.api_key_env
            ],
            read_shell_rc=detect.shell_rc,
            read_dotenv=detect.dotenv,
            directories=[directory for directory in directories if directory],
        )

    # ------------------------------------------------------------- report

    def report(self, found: Found) -> DetectResult:
        """The last run in words; blocking (stat calls), no secret in it."""
        providers = registry.load_all()
        owners = {account.provider_id for account in found.plain}
        return DetectResult(
            detected_at=iso(self.at_ms or None) or "",
            tools=list(self._tools(found)),
            accounts=[self._account(account, provider) for account, provider in found.accounts],
            missing=[
                self._missing(provider)
                for name, provider in providers.items()
                if name not in owners
            ],
            sources=[
                DetectionSource(
                    source=look.source,
                    place=look.place,
                    outcome=look.outcome,
                    provider_id=look.provider_id,
                    detail=look.detail,
                )
                for look in self.detection.looks
            ],
            providers=list(providers),
            warnings=found.warnings,
        )

    def _tools(self, found: Found) -> Iterator[DetectedTool]:
        binaries = {binary.provider_id: binary.path for binary in self.detection.binaries}
        homes: dict[str, list[str]] = {}
        for account in found.plain:
            if account.home and os.path.exists(account.home):
                homes.setdefault(account.provider_id, []).append(account.home)
        for provider in registry.load_all().values():
            spec = provider.spec
            binary, records = binaries.get(spec.id, ""), homes.get(spec.id, [])
            if spec.kind != "api" and (binary or records):
                yield DetectedTool(
                    provider_id=spec.id,
                    title=spec.title,
                    kind=spec.kind,
                    binary=binary,
                    records=records,
                )

    def _account(self, account: Account, provider: Provider) -> DetectedAccount:
        key = self._secrets.where(account) if provider.spec.keys or account.api_key_env else None
        session = self._secrets.credentials.read().sessions.get(account.id)
        if key is not None:
            credential, source = key.masked, key.source
        elif session is not None:
            credential, source = mask(session.value), STORED
        else:
            credential, source = "", ""
        return DetectedAccount(
            account_id=account.id,
            provider_id=account.provider_id,
            title=account.title or provider.spec.title,
            auth=provider.spec.auth,
            origin=account.origin,
            credential=credential,
            variable=account.api_key_env or (key.variable if key is not None else ""),
            source=source,
            home=account.home,
            why=list(self._reasons(account)),
        )

    def _reasons(self, account: Account) -> Iterator[str]:
        if account.origin == "settings":
            yield "configured in settings.json"
        if account.home:
            there = "has records in" if os.path.exists(account.home) else "expects records in"
            yield f"{there} {account.home}"
        for key in self._secrets.all_of(account):
            name = f" in ${key.variable}" if key.variable else ""
            yield f"key {key.masked}{name} from {key.source}"
        session = self._secrets.credentials.read().sessions.get(account.id)
        if session is not None:
            yield f"{session.cookie_name} cookie, {session.source_browser or 'pasted'}"
        for presence in self.detection.presences:
            if presence.account_id == account.id:
                yield f"signed in, by {presence.source}"
        for binary in self.detection.binaries:
            if binary.provider_id == account.provider_id:
                yield f"program {binary.path}"

    def _missing(self, provider: Provider) -> MissingProvider:
        looked = [
            f"{look.source} {look.place}: {look.outcome}"
            for look in self.detection.of_provider(provider.id)
            if look.outcome != MATCHED or look.source != "binary"
        ]
        looked += [
            f"records {root}: {'empty' if os.path.exists(root) else 'not there'}"
            for root in roots_of(provider, self._machine)
        ]
        return MissingProvider(
            provider_id=provider.id,
            title=provider.spec.title,
            looked=looked,
            setup=provider.spec.setup,
        )
