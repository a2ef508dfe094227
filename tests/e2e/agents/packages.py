"""
The real agents from npm, installed once outside the repository.

`OPENUSAGE_AGENTS_DIR` says where (default: a directory in the system's temporary one); about 1.1 GB.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Taken when this module is imported, before a test gets its own home: npm needs the user's settings.
_ENV = dict(os.environ)

PACKAGES = {
    "@anthropic-ai/claude-code": "2.1.330",
    "@openai/codex": "0.169.0",
    "opencode-ai": "1.18.33",
}
CLAUDE = "@anthropic-ai/claude-code-linux-x64/claude"
CODEX = "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex"
OPENCODE = "opencode-linux-x64/bin/opencode"
OPENCODE_BASELINE = "opencode-linux-x64-baseline/bin/opencode"
"""For processors without AVX2."""


@dataclass(frozen=True, slots=True)
class Agents:
    """Paths of the three programs."""

    claude: str
    codex: str
    opencode: str


def missing_requirement() -> str:
    """What this machine lacks to run the agents, or an empty string."""
    if os.uname().machine != "x86_64" or os.uname().sysname != "Linux":
        return "the agents are run on Linux x86_64 only"
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("npm", "unshare", "ip", "timeout"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    return ""


def directory() -> Path:
    """Where the packages lie."""
    default = Path(tempfile.gettempdir()) / f"openusage-agents-{os.getuid()}"
    return Path(_ENV.get("OPENUSAGE_AGENTS_DIR") or default)


def install() -> Agents:
    """The agents at exactly the pinned versions, from the cache directory or from npm."""
    root = directory()
    modules = root / "node_modules"
    if not _is_installed(modules):
        root.mkdir(parents=True, exist_ok=True)
        manifest = {"name": "agents", "private": True, "dependencies": PACKAGES}
        (root / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=root,
            env=_ENV,
            check=True,
            capture_output=True,
            timeout=900,
        )
    opencode = OPENCODE if "avx2" in Path("/proc/cpuinfo").read_text() else OPENCODE_BASELINE
    return Agents(*(str(modules / name) for name in (CLAUDE, CODEX, opencode)))


def _is_installed(modules: Path) -> bool:
    for name, version in PACKAGES.items():
        try:
            manifest = json.loads((modules / name / "package.json").read_text(encoding="utf-8"))
        except OSError:
            return False
        if manifest["version"] != version:
            return False
    return all((modules / path).exists() for path in (CLAUDE, CODEX, OPENCODE))


def hidden_home(*needed: Path) -> str:
    """The invoking user's home if nothing that the run needs lies in it, else nothing."""
    home = Path(_ENV.get("HOME") or "/nonexistent").resolve()
    if not home.is_dir() or home == Path("/"):
        return ""
    inside = any(path.resolve().is_relative_to(home) for path in needed)
    return "" if inside else str(home)
