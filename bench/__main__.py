"""
Run the measurements and print `name value unit target` lines.

    python -m bench                  everything, some minutes
    python -m bench --quick ingest   a smaller run of one module

Every module of this package with `run(quick: bool) -> list[(name, value, unit)]` takes part.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType

import bench
from bench.targets import TARGETS, Target


def modules() -> dict[str, ModuleType]:
    """Measuring modules by name."""
    found = {}
    for item in pkgutil.iter_modules(bench.__path__):
        if item.name.startswith("_"):
            continue
        module = importlib.import_module(f"bench.{item.name}")
        if hasattr(module, "run"):
            found[item.name] = module
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; 1 when a module failed, 0 even when a target was missed (it says so)."""
    known = modules()
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the product.")
    parser.add_argument("--quick", action="store_true", help="smaller and less exact")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(known)}")
    options = parser.parse_args(argv)
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    print(f"# {platform.platform()}, {os.cpu_count()} cpus, Python {platform.python_version()}")
    failed = False
    for name in options.names or known:
        module = known[name]
        targets: dict[str, Target] = {**TARGETS, **getattr(module, "TARGETS", {})}
        try:
            for figure, value, unit in module.run(options.quick):
                print(line(figure, value, unit, targets.get(figure)), flush=True)
        except Exception:
            traceback.print_exc()
            failed = True
    return 1 if failed else 0


def line(figure: str, value: float, unit: str, target: Target | None) -> str:
    """One figure; `MISSED` when it is not what was promised."""
    shown = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    text = f"{figure:36} {shown:>10} {unit:10}"
    if target is None:
        return text.rstrip()
    return f"{text} {target}{'' if target.met_by(value) else '  MISSED'}"


if __name__ == "__main__":
    sys.exit(main())
