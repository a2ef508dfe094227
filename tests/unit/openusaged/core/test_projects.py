"""Project labels are short, unique and stable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openusaged.core.projects import project_labels

SEGMENT = st.sampled_from(["a", "b", "api", "web", "src"])
ROOT = st.lists(SEGMENT, min_size=0, max_size=5).map(lambda parts: "/" + "/".join(parts))


def test_a_name_of_its_own_stays_short() -> None:
    """A folder whose name nobody shares is called by it."""
    assert project_labels(["/home/u/shop", "/srv/api"]) == {
        "/home/u/shop": "shop",
        "/srv/api": "api",
    }


def test_shared_names_get_a_prefix() -> None:
    """Folders of the same name are told apart by what lies before them."""
    labels = project_labels(["/a/api", "/b/api", "/x/b/api"])
    assert labels["/a/api"] == "a/api"
    assert len(set(labels.values())) == 3


def test_root_and_nested_names() -> None:
    """The root directory has a label, and a path that is the tail of another does not loop."""
    assert project_labels(["/"]) == {"/": "/"}
    labels = project_labels(["/api", "/a/api"])
    assert labels == {"/api": "api", "/a/api": "a/api"}


@given(st.sets(ROOT, max_size=12))
def test_labels_are_unique(roots: set[str]) -> None:
    """No two projects ever share a label, and every label is a tail of its path."""
    labels = project_labels(roots)
    assert set(labels) == roots
    assert len(set(labels.values())) == len(roots)
    for root, label in labels.items():
        assert root.endswith(label)
