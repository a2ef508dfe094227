"""`python -m openusaged`."""

from __future__ import annotations

import sys

from openusaged.cli import main

sys.exit(main())
