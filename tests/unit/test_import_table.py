"""Who may import whom (style guide, part 3): the arrows of the architecture, held by a test."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

Imports = tuple[tuple[str, int], ...]
"""Absolute paths of modules or their attributes, each with the line of the import."""

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("openusage_proto", "openusaged", "openusage_client")
MAX_LINES = 500
# Our own packages, most specific first: what each may import of ours besides itself.
CORE = ("openusaged.core", "openusage_proto")
OWN: dict[str, tuple[str, ...]] = {
    "openusage_proto": (),
    "openusaged.core": ("openusage_proto",),
    "openusaged.config": CORE,
    "openusaged.runtime": CORE,
    "openusaged.storage": (*CORE, "openusaged.runtime"),
    "openusaged.providers": (*CORE, "openusaged.config"),
    "openusaged.detect": (
        *CORE,
        "openusaged.config",
        "openusaged.providers.base",
        "openusaged.providers.shared",
    ),
    "openusaged.pricing": (*CORE, "openusaged.config"),
    "openusaged.scan": (
        *CORE,
        "openusaged.providers",
        "openusaged.pricing",
        "openusaged.storage.staging",
        "openusaged.telemetry",
    ),
    "openusaged.telemetry": (
        *CORE,
        "openusaged.config",
        "openusaged.storage",
        "openusaged.providers",
        "openusaged.pricing",
        "openusaged.scan",
    ),
    "openusaged.integrations": (*CORE, "openusaged.config", "openusaged.providers"),
    "openusaged.usecases": (
        *CORE,
        "openusaged.config",
        "openusaged.runtime",
        "openusaged.storage",
        "openusaged.providers",
        "openusaged.detect",
        "openusaged.pricing",
        "openusaged.scan",
        "openusaged.telemetry",
        "openusaged.integrations",
    ),
    "openusaged.rpc": (*CORE, "openusaged.usecases", "openusaged.runtime"),
    "openusaged.instance_lock": CORE,
    "openusaged.lifecycle": (*CORE, "openusaged.instance_lock"),
    "openusaged.logs": CORE,
    "openusaged.probe": ("openusage_proto",),
    "openusaged.status_page": (),
    "openusaged.service": (*CORE, "openusaged.config", "openusaged.providers"),
    "openusaged.importing": (*CORE, "openusaged.runtime", "openusaged.probe"),
    "openusaged.doctor": (
        *CORE,
        "openusaged.config",
        "openusaged.instance_lock",
        "openusaged.probe",
        "openusaged.service",
    ),
    "openusaged.cli": (
        *CORE,
        "openusaged.app",
        "openusaged.doctor",
        "openusaged.importing",
        "openusaged.instance_lock",
        "openusaged.probe",
        "openusaged.service",
        "openusaged.status_page",
    ),
    "openusaged.__main__": ("openusaged.cli",),
    "openusaged.app": ("openusaged", "openusage_proto"),
    "openusaged.composition": ("openusaged", "openusage_proto"),
    "openusage_client": ("openusage_proto",),
}

# Third-party libraries and the modules behind whose walls they live.
WALLS: dict[str, tuple[str, ...]] = {
    "gevent": (
        "openusaged.runtime",
        "openusaged.rpc.server",
        "openusaged.rpc.connection",
        "openusaged.lifecycle",
        "openusaged.app",
    ),
    "pony": ("openusaged.storage",),
    "jsonrpcserver": ("openusaged.rpc.dispatch",),
    "jsonrpcclient": ("openusage_client.rpc",),
    "npyscreen": (
        "openusage_client.tui.app",
        "openusage_client.tui.canvas",
        "openusage_client.tui.dialogs",
        "openusage_client.tui.dialog_fields",
        "openusage_client.tui.palette",
        "openusage_client.tui.keymap",
    ),
    "curses": (
        "openusage_client.tui.app",
        "openusage_client.tui.canvas",
        "openusage_client.tui.dialogs",
        "openusage_client.tui.dialog_fields",
        "openusage_client.tui.keyboard",
        "openusage_client.tui.palette",
        "openusage_client.tui.keymap",
    ),
    "watchdog": ("openusaged.runtime.watch",),
    "msgspec": ("openusaged",),
    "browser_cookie3": ("openusaged.detect.browser_library",),
    "yaml": ("openusaged.detect", "openusaged.providers.zai"),
    "zstandard": ("openusaged.providers.zed",),
    "tomlkit": ("openusaged.integrations.toml_edit",),
    "mcp": ("openusage_client.mcp.server",),
    "jsonschema": ("openusage_client.mcp.server",),
    "genai_prices": ("openusaged.pricing.build_catalogue",),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {
    module_name(path): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if "_assets" not in path.parts
}


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every absolute module or attribute path that the module imports, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield (name if name in SOURCES else str(node.module)), node.lineno


def module_level_imports(tree: ast.Module) -> Iterator[str]:
    """What is imported when the module is: not inside functions, not for types only."""
    body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (target for target, _ in imported(ast.Module([node], [])))


class Module(NamedTuple):
    """What is asked of a module's source: not the tree, of which six hundred are a heavy load."""

    lines: int
    is_described: bool
    imports: Imports
    loads: frozenset[str]
    """What is imported when the module is."""


@functools.cache
def parse(module: str) -> Module:
    text = SOURCES[module].read_text(encoding="utf-8")
    tree = ast.parse(text)
    return Module(
        lines=len(text.splitlines()),
        is_described=not text.strip() or bool(ast.get_docstring(tree)),
        imports=tuple(imported(tree)),
        loads=frozenset(module_level_imports(tree)),
    )


def home_of(module: str) -> str:
    """The most specific entry of the table that covers the module."""
    homes = [package for package in OWN if within(module, package)]
    assert homes, f"{module} is not in the import table"
    return max(homes, key=len)


def own_violations(module: str, imports: Imports) -> Iterator[str]:
    if module == "openusaged":
        return
    home = home_of(module)
    for target, line in imports:
        if not target.startswith(PACKAGES) or target == "openusaged":
            continue
        if not any(within(target, allowed) for allowed in (home, *OWN[home])):
            yield f"{module}:{line} imports {target}"


def wall_violations(module: str, imports: Imports) -> Iterator[str]:
    for target, line in imports:
        root = target.partition(".")[0]
        if root in PACKAGES or (root in sys.stdlib_module_names and root not in WALLS):
            continue
        behind = WALLS.get(root)
        if behind is None or not any(within(module, wall) for wall in behind):
            yield f"{module}:{line} imports {target}"


@pytest.mark.parametrize("module", SOURCES)
class TestEveryModule:
    def test_imports_of_ours_follow_the_table(self, module: str) -> None:
        """A module imports only what its package may."""
        assert list(own_violations(module, parse(module).imports)) == []

    def test_libraries_stay_behind_their_walls(self, module: str) -> None:
        """A third-party library is imported only where its wall is."""
        assert list(wall_violations(module, parse(module).imports)) == []

    def test_has_a_docstring_and_a_bounded_size(self, module: str) -> None:
        """A module says what it is for, and is small enough to be read."""
        assert parse(module).lines <= MAX_LINES
        assert parse(module).is_described


def test_import_graph_has_no_cycles() -> None:
    """Modules can be loaded in some order without meeting a half-made one."""
    graph = {
        module: {target for target in parse(module).loads if target in SOURCES and target != module}
        for module in SOURCES
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module in done:
            return
        for target in sorted(graph[module]):
            visit(target, (*path, module))
        done.add(module)

    for module in graph:
        visit(module, ())


def test_nothing_is_monkey_patched() -> None:
    """No module loads gevent.monkey (docs/architecture.md, Threads)."""
    users = [
        module
        for module in SOURCES
        if any(target.startswith("gevent.monkey") for target, _ in parse(module).imports)
    ]
    assert users == []


def test_a_forbidden_arrow_is_noticed() -> None:
    """The check itself can fail: it sees both kinds of violation."""
    text = "import gevent\nfrom openusaged.rpc import server\nimport requests\n"
    imports = tuple(imported(ast.parse(text)))
    assert list(own_violations("openusaged.core.models", imports)) == [
        "openusaged.core.models:2 imports openusaged.rpc.server"
    ]
    assert list(wall_violations("openusaged.core.models", imports)) == [
        "openusaged.core.models:1 imports gevent",
        "openusaged.core.models:3 imports requests",
    ]
