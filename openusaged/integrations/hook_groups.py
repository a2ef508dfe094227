"""
The `hooks` object that Claude Code and Codex share: events, groups with a matcher, handlers.

    {"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "..."}]}]}}

Only handlers that run our script are touched; whoever else has hooks keeps every byte of them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.core.errors import ConfigError
from openusaged.integrations import scripts
from openusaged.integrations.base import refuse_syntax
from openusaged.integrations.json_edit import JsonText, Path, is_array, is_object
from openusaged.integrations.json_syntax import SCALAR, SyntaxProblem
from openusaged.integrations.ledger import Record
from openusaged.integrations.plan import Draft
from openusaged.integrations.scripts import Script

HOOKS: Final = "hooks"
TIMEOUT_S: Final = 5
"""Ten times what the script takes at most; without one an agent would wait for minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One of our handlers: where it stands and what it runs."""

    event: str
    group: int
    index: int
    command: str
    script_path: str

    @property
    def path(self) -> Path:
        """Where the handler stands."""
        return (HOOKS, self.event, self.group, HOOKS, self.index)


class HookFile:
    """A file with a `hooks` object."""

    def __init__(self, draft: Draft, script: Script, installed: str) -> None:
        """
        Take the file apart.

        Raises:
            ConfigError: it is broken, with line and column.
        """
        self._draft = draft
        self._script = script
        self._installed = installed
        text = draft.text
        self.blank = not text.strip()
        try:
            self.doc = JsonText(text if not self.blank else "{}\n")
        except SyntaxProblem as problem:
            refuse_syntax(draft.file.path, problem)
        self._check((), is_object, "an object")

    def ours(self) -> list[Handler]:
        """Every handler that runs our script."""
        return list(self._ours())

    def _ours(self) -> Iterator[Handler]:
        hooks = self.doc.value((HOOKS,))
        if not isinstance(hooks, dict):
            return
        for event, groups in hooks.items():
            for group_at, group in enumerate(groups if isinstance(groups, list) else ()):
                handlers = group.get(HOOKS) if isinstance(group, dict) else None
                for at, handler in enumerate(handlers if isinstance(handlers, list) else ()):
                    command = handler.get("command") if isinstance(handler, dict) else None
                    tokens = scripts.split(command)
                    path = scripts.script_in(tokens, self._script, self._installed)
                    if path:
                        yield Handler(
                            event=event,
                            group=group_at,
                            index=at,
                            command=str(command),
                            script_path=path,
                        )

    def troubles(self) -> list[str]:
        """Why handlers of ours cannot work."""
        return list(
            dict.fromkeys(
                reason
                for handler in self.ours()
                if (reason := scripts.trouble(scripts.split(handler.command), handler.script_path))
            )
        )

    def strays(self) -> list[str]:
        """Scripts of ours that are run from elsewhere than the installed copy."""
        paths = (handler.script_path for handler in self.ours())
        return list(dict.fromkeys(path for path in paths if path != self._installed))

    def wire(
        self, record: Record, events: Mapping[str, Mapping[str, Any]], command: Sequence[str]
    ) -> None:
        """
        Have one handler for each event; a command of ours that works is left as it is.

        Raises:
            ConfigError: the file holds something else where hooks belong.
        """
        if self.blank and not record.created and record.blank is None:
            record.blank = self._draft.text
        self._remove_duplicates()
        for handler in self.ours():
            tokens = scripts.split(handler.command)
            if handler.script_path != self._installed or scripts.dead_program(tokens):
                self._point(handler, command)
        wired = {handler.event for handler in self.ours()}
        for event, group in events.items():
            if event in wired:
                continue
            entry = {"type": "command", "command": shlex.join(command), "timeout": TIMEOUT_S}
            self._add(record, event, {**group, HOOKS: [entry]})
        self.finish()

    def _remove_duplicates(self) -> None:
        seen: set[str] = set()
        surplus = []
        for handler in self.ours():
            if handler.event in seen:
                surplus.append(handler)
            seen.add(handler.event)
        for handler in reversed(surplus):
            self._remove(handler)

    def _point(self, handler: Handler, command: Sequence[str]) -> None:
        """Another command for a handler; its matcher and time limit may be the user's."""
        raw = json.dumps(shlex.join(command), ensure_ascii=False)
        self.doc.replace((*handler.path, "command"), raw)

    def _add(self, record: Record, event: str, group: Mapping[str, Any]) -> None:
        if self.doc.node((HOOKS,)) is None:
            self._keep_empty(record, ())
            self.doc.add((), {event: [group]}, HOOKS)
            return
        self._fill_null(record, (HOOKS,), "{}")
        self._check((HOOKS,), is_object, "an object")
        if self.doc.node((HOOKS, event)) is None:
            self._keep_empty(record, (HOOKS,))
            self.doc.add((HOOKS,), [group], event)
            return
        self._fill_null(record, (HOOKS, event), "[]")
        self._check((HOOKS, event), is_array, "a list")
        self._keep_empty(record, (HOOKS, event))
        self.doc.add((HOOKS, event), group)

    def unwire(self, record: Record) -> None:
        """Take every handler of ours out, and what was only made for it."""
        for handler in reversed(self.ours()):
            self._remove(handler)
            for path in ((HOOKS, handler.event), (HOOKS,), ()):
                self.prune(record, path)
        self.finish(record)

    def _remove(self, handler: Handler) -> None:
        group: Path = (HOOKS, handler.event, handler.group)
        value = self.doc.value(group)
        alone = len(value[HOOKS]) == 1 and value.keys() <= {HOOKS, "matcher"}
        self.doc.remove(group if alone else handler.path)

    def _fill_null(self, record: Record, path: Path, empty: str) -> None:
        """Other installers leave a null where they took their hooks out; it stands for nothing."""
        node = self.doc.node(path)
        if node is not None and node.kind == SCALAR and node.value is None:
            record.originals.setdefault(_pointer(path), self.doc.raw(path))
            self.doc.replace(path, empty)

    def _keep_empty(self, record: Record, path: Path) -> None:
        """Remember how an empty container is written before something is put into it."""
        node = self.doc.node(path)
        if node is not None and not node.entries and not (self.blank and not path):
            record.originals.setdefault(_pointer(path), self.doc.raw(path))

    def prune(self, record: Record, path: Path) -> None:
        """Put an empty container back as it was, or take it out when we made it."""
        node = self.doc.node(path)
        if node is None or node.entries:
            return
        original = record.originals.get(_pointer(path))
        if original is not None:
            self.doc.replace(path, original)
        elif path:
            self.doc.remove(path)

    def finish(self, removed_from: Record | None = None) -> None:
        """Hand the text to the draft; a file that is empty again is what it was before."""
        record = removed_from
        root = self.doc.node()
        if record is not None and root is not None and not root.entries:
            if record.created:
                self._draft.delete()
                return
            if record.blank is not None:
                self._draft.set_text(record.blank)
                return
        if not self.blank or record is None:
            self._draft.set_text(self.doc.text)

    def set_value(self, record: Record, key: str, value: Any) -> None:
        """Have a top-level value; what it stands in for is remembered."""
        if self.doc.node((key,)) is None:
            self._keep_empty(record, ())
            self.doc.add((), value, key)
        else:
            record.originals.setdefault(_pointer((key,)), self.doc.raw((key,)))
            self.doc.replace((key,), json.dumps(value, ensure_ascii=False))
        self.finish()

    def restore_value(self, record: Record, key: str, otherwise: Any = None) -> None:
        """
        Put back what a top-level value of ours stands in for.

        `otherwise` is what it must have been when that was not written down.
        """
        original = record.originals.get(_pointer((key,)))
        if original is None and otherwise is not None:
            original = json.dumps(otherwise, ensure_ascii=False)
        if original is not None:
            self.doc.replace((key,), original)
        else:
            self.doc.remove((key,))
            self.prune(record, ())
        self.finish(record)

    def _check(self, path: Path, fits: Callable[[Any], bool], wanted: str) -> None:
        if not fits(self.doc.node(path)):
            line, column = self.doc.position(path)
            name = ".".join(map(str, path)) or "the document"
            raise ConfigError(
                f"{self._draft.file.path}:{line}:{column}: {name} is not {wanted};"
                " nothing was changed"
            )


def _pointer(path: Path) -> str:
    return "".join(f"/{part}" for part in path)
