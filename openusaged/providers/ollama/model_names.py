"""Ollama's model names in one spelling, and which of them run in its cloud."""

from __future__ import annotations


def plain_model(name: str) -> str:
    """`models/ollama.com/library/Llama3:latest` is `llama3`."""
    name = name.strip().lower().removeprefix("models/").strip("/").removeprefix("ollama.com/")
    return name.rpartition("/")[2].removesuffix(":latest")


def is_cloud_model(name: str) -> bool:
    """Whether a name says that the model runs at ollama.com: `glm-4.6:cloud`, `x:120b-cloud`."""
    return name.endswith(":cloud") or "-cloud" in name
