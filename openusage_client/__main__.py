"""`python -m openusage_client`: the `openusage` command without its script."""

from __future__ import annotations

import sys

from openusage_client.cli import main

if __name__ == "__main__":
    sys.exit(main())
