"""
What an installation is about to change: collected first, shown as a difference, then done.

Every file is read and checked before the first one is written, so that a refusal leaves all of them
as they were.  Scripts are written before what names them, and removed after it.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable
from typing import Final

from openusage_proto.values import dataclass
from openusaged.core.errors import ConfigError
from openusaged.integrations import config_file
from openusaged.integrations.config_file import ConfigFile
from openusaged.integrations.ledger import Ledger, Record
from openusaged.integrations.scripts import Script, version_of, words

CREATE: Final = "create"
CHANGE: Final = "change"
DELETE: Final = "delete"
SCRIPT_MODE: Final = 0o644

_SECRET: Final = re.compile(
    r"""(?ix) ( ["']? [\w.-]* (?:key|token|secret|passw|credential|auth|cookie) [\w.-]* ["']?
        \s* [:=] \s* ) (?: "(?:[^"\\]|\\.)*" | '[^']*' )"""
)

_TOKEN: Final = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|pplx|gh[a-z]|github_pat|glpat|hf|xox[a-z]|eyJ|AIza|AKIA)"
    r"[-_A-Za-z0-9.]{8,}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file that is (or would be) changed."""

    path: str
    action: str
    diff: str
    """Unified, without values that look secret; a sentence for a whole script."""
    backup: str = ""
    """Where the bytes from before are kept."""


class Draft:
    """One file: what it is now and what it is to become."""

    def __init__(self, file: ConfigFile) -> None:
        self.file = file
        self.data = file.data
        """The bytes it is to have; None: it is to be gone."""
        self.script = ""
        """Set for a script of ours: what it is, in a word or two."""
        self.shipped = b""
        """Bytes that need no copy: they come with the application."""

    @property
    def text(self) -> str:
        """The text as it is now, empty when there is no file."""
        return self.file.text

    def set_text(self, text: str) -> None:
        """Give it another text."""
        self.data = self.file.encode(text)

    def delete(self) -> None:
        """Let it be gone."""
        self.data = None

    @property
    def action(self) -> str:
        """What is to be done, empty for nothing."""
        if self.data == self.file.data:
            return ""
        if self.data is None:
            return DELETE
        return CREATE if self.file.data is None else CHANGE


class Plan:
    """All changes of one call."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.notes: list[str] = []
        """Sentences for the user: what to do or to know besides."""
        self._drafts: dict[str, Draft] = {}

    def draft(self, path: str) -> Draft:
        """
        The draft of a file, the same one for the same path.

        Raises:
            ConfigError: the file cannot be read.
        """
        found = self._drafts.get(path)
        if found is None:
            found = self._drafts[path] = Draft(config_file.read(path))
        return found

    def put_script(self, path: str, script: Script) -> None:
        """Let the shipped script stand at a path, and what it starts beside it."""
        for file, data in script.files(path).items():
            draft = self.draft(file)
            draft.data = draft.shipped = data
            draft.script = words(file, data)

    def drop_script(self, path: str, script: Script) -> None:
        """Let the copy at a path be gone, unless a file is somebody else's."""
        for file, data in script.files(path).items():
            draft = self.draft(file)
            if version_of(draft.file.data or b"") is not None:
                draft.shipped, draft.script = data, words(file, data)
                draft.delete()

    def note(self, sentence: str) -> None:
        """Tell the user something, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def changes(self) -> list[Change]:
        """What would be done."""
        return [_change(draft) for draft in self._pending()]

    def digest(self) -> str:
        """A name for exactly these changes of exactly these files."""
        digest = hashlib.sha256()
        for draft in self._pending():
            for part in (draft.file.path.encode("utf-8", "replace"), draft.file.data, draft.data):
                digest.update(b"-" if part is None else b"%d:%s" % (len(part), part))
        return digest.hexdigest()[:16]

    def check(self) -> None:
        """
        Refuse everything when one file must not be written.

        Raises:
            ConfigError: which one, and why.
        """
        for draft in self._pending():
            config_file.check_writable(draft.file)

    def apply(self, now_ms: int) -> list[Change]:
        """
        Do it.

        Raises:
            ConfigError: a file cannot be written; `str` says which have been written by then.
        """
        self.check()
        pending = self._pending()
        done: list[Change] = []
        leaving = [draft for draft in pending if draft.action == DELETE]
        for draft in pending:
            record = self._record(draft)
            if record is not None and draft.action == CREATE:
                record.directories = config_file.make_directories(draft.file.target)
        # Before the files: a record without its change is harmless, the reverse forgets originals.
        if len(leaving) < len(pending):
            self.ledger.save()
        try:
            for draft in pending:
                done.append(self._apply(draft, now_ms))  # noqa: PERF401  # counted on failure
        except ConfigError as error:
            if not done:
                raise
            written = ", ".join(change.path for change in done)
            raise ConfigError(f"{error} (changed before: {written})") from error
        for draft in leaving:
            record = self._record(draft)
            if record is not None:
                config_file.remove_directories(record.directories)
        return done

    def forget(self, paths: Iterable[str]) -> None:
        """Drop the records of files that hold nothing of ours any more, and save the rest."""
        for path in paths:
            self.ledger.records.pop(path, None)
        self.ledger.save()

    def _record(self, draft: Draft) -> Record | None:
        return self.ledger.records.get(draft.file.path)

    def _apply(self, draft: Draft, now_ms: int) -> Change:
        change = _change(draft)
        backup = ""
        if self._is_worth_keeping(draft):
            backup = config_file.back_up(draft.file, now_ms)
        if draft.data is None:
            config_file.delete(draft.file)
        else:
            new_script = draft.script and draft.file.data is None
            config_file.write(draft.file, draft.data, mode=SCRIPT_MODE if new_script else None)
        return Change(path=change.path, action=change.action, diff=change.diff, backup=backup)

    @staticmethod
    def _is_worth_keeping(draft: Draft) -> bool:
        """What we made ourselves (a file that held nothing but our entries, too) needs no copy."""
        if draft.script:
            return draft.file.data not in (None, draft.shipped)
        return draft.action == CHANGE

    def _pending(self) -> list[Draft]:
        drafts = [draft for draft in self._drafts.values() if draft.action]
        return sorted(drafts, key=_rank)


def _rank(draft: Draft) -> int:
    if not draft.script:
        return 1
    return 2 if draft.action == DELETE else 0


def _change(draft: Draft) -> Change:
    path = draft.file.path
    if draft.script:
        diff = f"{draft.action} {draft.script}"
    else:
        diff = _diff(path, draft.file.data, draft.data)
    return Change(path=path, action=draft.action, diff=diff)


def _diff(path: str, before: bytes | None, after: bytes | None) -> str:
    """A unified difference without secrets; line ends are shown as line ends."""
    lines = difflib.unified_diff(
        _lines(before),
        _lines(after),
        fromfile=path if before is not None else "/dev/null",
        tofile=path if after is not None else "/dev/null",
        lineterm="",
        n=2,
    )
    return "\n".join(_TOKEN.sub("...", _SECRET.sub(r'\1"..."', line)) for line in lines)


def _lines(data: bytes | None) -> list[str]:
    return [] if data is None else data.decode("utf-8-sig", "replace").splitlines()
