#!/usr/bin/env -S python3 -I -S
# openusage-hook-version: 2
"""
Starts the hook for Codex: the module `<name of this file>_main.py` beside this file.

Python keeps the bytecode of modules, not of scripts, and compiling takes half as long as starting
the interpreter.  Ends silently and with 0 whatever happens: an agent must never notice its hook.
"""

import sys
from posix import _exit

try:
    directory, _, name = __file__.rpartition("/")
    module = name.rpartition(".")[0] + "_main"
    sys.path.append(directory or ".")
    try:
        run = __import__(module).run
    except Exception:
        # Damaged bytecode may cost time, but no event.
        with open((directory or ".") + "/" + module + ".py", encoding="utf-8") as file:
            members = {"__name__": module}
            exec(compile(file.read(), module, "exec"), members)
        run = members["run"]
    run()
finally:
    _exit(0)
