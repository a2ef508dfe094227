"""Names of projects for people: the folder's name, made unique by what lies before it."""

from __future__ import annotations

from collections.abc import Iterable


def project_labels(roots: Iterable[str]) -> dict[str, str]:
    """
    A short, unique label for every project root.

    `/a/api` and `/b/api` become `a/api` and `b/api`; a root that is alone with its name is just
    `api`.
    """
    parts = {root: [part for part in root.split("/") if part] for root in roots}
    depth = dict.fromkeys(parts, 1)
    while True:
        labels: dict[str, list[str]] = {}
        for root, names in parts.items():
            label = "/".join(names[-depth[root] :]) or root
            labels.setdefault(label, []).append(root)
        clashes = [root for group in labels.values() if len(group) > 1 for root in group]
        longer = [root for root in clashes if depth[root] < len(parts[root])]
        if not longer:
            return {root: label for label, group in labels.items() for root in group}
        for root in longer:
            depth[root] += 1


def projects_named(roots: Iterable[str], wanted: str) -> frozenset[str]:
    """The roots that a name means: the path itself, its label or its folder's name, in any case."""
    roots = list(roots)
    name = wanted.rstrip("/").lower()
    labels = project_labels(roots)
    return frozenset(
        root
        for root in roots
        if name in (root.lower(), labels[root].lower(), root.rsplit("/", 1)[-1].lower())
    )
