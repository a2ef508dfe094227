"""The ends of a command's output, the same for both programs."""

from __future__ import annotations

import os
from typing import TextIO


def let_go(stream: TextIO) -> None:
    """Drop what a stream cannot write: Python would try once more at exit, and complain."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
