"""
What is known of a workspace: its project, its parent, and who has counted its usage.

Older versions keep it in `metadata.json` beside the records, newer ones in the configuration above
all workspaces.  A sub-agent is a workspace of its own; when it is deleted its records are archived
below its parent, and its totals are added to the parent's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from openusage_proto.values import dataclass
from openusaged.providers.shared.json_values import as_list, as_object, as_text
from openusaged.providers.shared.side_records import side_record

ROWS: Final = ("chat.jsonl", "headless-usage.jsonl")
TOTALS: Final = "session-usage.json"
_ARCHIVE: Final = "subagent-transcripts"
_SUBAGENT: Final = "subagent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One folder of records."""

    id: str
    parent_id: str = ""
    project: str = ""
    agent: str = ""
    """Name of the sub-agent that works in it; empty for one of the user's."""
    created_at: str = ""
    has_rows: bool = False
    """Whether single requests are recorded; then its totals say nothing new."""
    is_counted_by_parent: bool = False
    """Whether its usage is in totals of its parent that are read."""


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    id: Any = None
    project_path: Any = None
    parent_workspace_id: Any = None
    created_at: Any = None
    agent_id: Any = None
    agent_type: Any = None


class _Config(msgspec.Struct, gc=False):
    projects: Any = None


class _RolledUp(msgspec.Struct, rename="camel", gc=False):
    rolled_up_from: Any = None


def workspace_at(folder: str, root: str) -> Workspace:
    """The workspace whose records lie in `folder` below `root`."""
    above, own_id = os.path.split(folder)
    facts = side_record(os.path.join(folder, "metadata.json"), _Metadata) or _configured(
        own_id, root
    )
    is_archived = os.path.basename(above) == _ARCHIVE
    parent_folder = os.path.dirname(above) if is_archived else ""
    parent_id = as_text(facts.parent_workspace_id) or os.path.basename(parent_folder)
    if parent_id and not parent_folder:
        parent_folder = os.path.join(root, parent_id)
    agent = as_text(facts.agent_id) or as_text(facts.agent_type) or _SUBAGENT
    return Workspace(
        id=own_id,
        parent_id=parent_id,
        project=as_text(facts.project_path),
        agent=agent if parent_id else "",
        created_at=as_text(facts.created_at),
        has_rows=_has_rows(folder),
        is_counted_by_parent=bool(parent_folder) and _is_rolled_up(own_id, parent_folder),
    )


def _has_rows(folder: str) -> bool:
    return any(os.path.exists(os.path.join(folder, name)) for name in ROWS)


def _is_rolled_up(workspace_id: str, parent_folder: str) -> bool:
    if _has_rows(parent_folder):
        return False
    totals = side_record(os.path.join(parent_folder, TOTALS), _RolledUp) or _RolledUp()
    return workspace_id in as_object(totals.rolled_up_from)


def _configured(workspace_id: str, root: str) -> _Metadata:
    config = side_record(os.path.join(os.path.dirname(root), "config.json"), _Config) or _Config()
    for project, fields in _projects(config.projects):
        for entry in as_list(as_object(fields).get("workspaces")):
            known = as_object(entry)
            if known.get("id") == workspace_id:
                return _Metadata(
                    project_path=project,
                    parent_workspace_id=known.get("parentWorkspaceId"),
                    created_at=known.get("createdAt"),
                    agent_id=known.get("agentId"),
                    agent_type=known.get("agentType"),
                )
    return _Metadata()


def _projects(value: object) -> Iterator[tuple[Any, Any]]:
    """Pairs of directory and project: a list of pairs as Mux writes it, or an object."""
    if isinstance(value, Mapping):
        yield from value.items()
        return
    for pair in as_list(value):
        if len(as_list(pair)) == 2:
            yield pair[0], pair[1]
