"""The example plug-in of docs/providers.md as a real wheel, installed into a directory."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers.md"


def example() -> tuple[str, str]:
    """The module and the `pyproject.toml` as the page shows them."""
    page = PAGE.read_text(encoding="utf-8")
    section = page[page.index("## Plug-ins") :]
    (module,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (project,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    return module, project


def install(directory: Path, module: str, project: str) -> Path:
    """Build a wheel of the two files, as setuptools would, and install it; the directory."""
    facts = tomllib.loads(project)
    name, version = facts["project"]["name"], facts["project"]["version"]
    (module_name,) = facts["tool"]["setuptools"]["py-modules"]
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    points = "".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for group, entries in facts["project"]["entry-points"].items()
    )
    wheel = directory / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    files = {
        f"{module_name}.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": points,
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    site = directory / "site"
    _install(wheel, site)
    return site


def _install(wheel: Path, site: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        # environments made by uv have no pip; unpacking is all that installing this wheel means
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
        return
    command = ["install", "--quiet", "--no-index", "--no-deps", "--no-compile", "--target"]
    subprocess.run(
        [sys.executable, "-m", "pip", *command, str(site), str(wheel)],
        check=True,
        capture_output=True,
        text=True,
    )
