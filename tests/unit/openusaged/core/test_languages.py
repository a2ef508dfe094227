"""File names and languages."""

from __future__ import annotations

import pytest

from openusaged.core.languages import language_of


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("/home/dev/shop/a.go", "go"),
        ("a.d.ts", "typescript"),
        ("C:\\shop\\Main.JAVA", "java"),
        ("main.TF", "terraform"),
        ("x.h", "c"),
        ("x.hpp", "cpp"),
        (".py", "python"),
        ("deploy/Dockerfile", "docker"),
        ("Dockerfile.dev", "docker"),
        ("GNUmakefile", "make"),
        ("a.kts", "kotlin"),
        ("site.scss", "css"),
        ("/home/dev/README.md", "markdown"),
        ("/home/dev.py/README", ""),
        ("/home/dev/.bashrc", ""),
        ("session.jsonl", ""),
        ("", ""),
    ],
)
def test_language_is_told_by_the_name(path, language):
    """A path's language is told by its last part alone, whatever case and separators it has."""
    assert language_of(path) == language
