"""A temporary home with tools in it, and our integrations applied to it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from openusaged.core.models import Account
from openusaged.integrations import wiring
from openusaged.integrations.base import Site
from openusaged.integrations.ledger import Ledger
from openusaged.integrations.wiring import Outcome, Overview
from openusaged.providers.base import Machine

NOW_MS = 1_767_225_600_000
STAMP = "20260101T000000Z"
PYTHON = "/bin/sh"
"""Any program that exists everywhere: the commands are written, not run."""


class ToolHome:
    """A home directory; every call looks at it anew, as separate processes would."""

    def __init__(self, root: str | Path, env: Mapping[str, str] | None = None) -> None:
        self.root = Path(root)
        (self.root / ".config" / "openusage").mkdir(parents=True, exist_ok=True)
        self.env = {"HOME": str(self.root), **(env or {})}
        self.accounts: list[Account] = []
        self.codex_version: tuple[int, ...] | None = None
        self.python = PYTHON
        self.statusline = "openusage statusline"
        self.platform = "linux"

    @property
    def hooks_dir(self) -> Path:
        """Where copies of the scripts lie."""
        return self.root / ".config" / "openusage" / "hooks"

    def site(self) -> Site:
        """What an integration sees."""
        return Site(
            machine=Machine(env=self.env, home=str(self.root), platform=self.platform),
            hooks_dir=str(self.hooks_dir),
            python=self.python,
            statusline=self.statusline,
            ledger=Ledger(str(self.hooks_dir)),
            accounts=self.accounts,
            program_version=lambda _: self.codex_version,
        )

    def write(self, path: str, data: str | bytes) -> Path:
        """A file below the home."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return file

    def install(
        self,
        name: str,
        options: Sequence[str] = (),
        *,
        upgrade: bool = False,
        dry_run: bool = False,
        plan: str = "",
    ) -> Outcome:
        """Wire one tool."""
        return wiring.install(
            self.site(),
            wiring.named(name),
            options=options,
            upgrade=upgrade,
            dry_run=dry_run,
            expected=plan,
            now_ms=NOW_MS,
        )

    def uninstall(self, name: str, *, dry_run: bool = False, plan: str = "") -> Outcome:
        """Take one tool's wiring out."""
        return wiring.uninstall(
            self.site(), wiring.named(name), dry_run=dry_run, expected=plan, now_ms=NOW_MS
        )

    def overview(self, name: str) -> Overview:
        """How one tool is wired."""
        return wiring.overview(self.site(), wiring.named(name))

    def state(self, name: str) -> str:
        """Its state in one word."""
        return self.overview(name).state

    def reasons(self, name: str) -> str:
        """Everything that is said about it."""
        found = self.overview(name)
        return "\n".join([*found.reasons, *(why for item in found.reports for why in item.reasons)])


def snapshot(root: Path, *, without: Sequence[str] = (".config/openusage",)) -> dict[str, object]:
    """Every file, link and directory below a home: bytes, mode, owner; backups and ours left out."""
    found: dict[str, object] = {}
    for directory, names, files in os.walk(root):
        for name in [*names, *files]:
            path = Path(directory) / name
            relative = str(path.relative_to(root))
            if relative.startswith(tuple(without)) or relative.endswith(".bak"):
                continue
            info = path.lstat()
            owner = (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)
            if path.is_symlink():
                found[relative] = os.readlink(path)
            elif path.is_dir():
                found[relative] = owner
            else:
                found[relative] = (path.read_bytes(), *owner)
    return found
