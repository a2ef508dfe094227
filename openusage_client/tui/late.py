"""
Functions whose module is imported when they are first called.

A screen that is not looked at costs the start nothing: what most screens need beside the first one,
above all the types of their answers, is half of all that there is to import.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def late(module: str, name: str) -> Callable[..., Any]:
    """The function `name` of a module of the dashboard (`views.detail`)."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        return getattr(import_module(f"openusage_client.tui.{module}"), name)(
            *arguments, **keywords
        )

    return call
