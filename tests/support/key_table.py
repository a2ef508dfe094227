"""The variables of the reference's table as specs, so that detection is tested without providers."""

from __future__ import annotations

from pathlib import Path

from openusaged.providers.base import KeyVariable, Machine, ProviderSpec

ROWS = (
    ("OPENAI_API_KEY", "openai", "openai", ("openai",)),
    ("ANTHROPIC_API_KEY", "anthropic", "anthropic", ("anthropic",)),
    ("AZURE_OPENAI_API_KEY", "azure_openai", "azure_openai", ()),
    ("AZURE_API_KEY", "azure_openai", "azure_openai", ()),
    ("OPENROUTER_API_KEY", "openrouter", "openrouter", ("openrouter",)),
    ("GROQ_API_KEY", "groq", "groq", ("groq",)),
    ("MISTRAL_API_KEY", "mistral", "mistral", ("mistral",)),
    ("MOONSHOT_API_KEY", "moonshot", "moonshot-ai", ("moonshot", "moonshotai")),
    ("XAI_API_KEY", "xai", "xai", ("xai", "grok")),
    ("ZAI_API_KEY", "zai", "zai", ("zai", "zhipuai")),
    ("ZEN_API_KEY", "opencode", "opencode", ()),
    ("OPENCODE_API_KEY", "opencode", "opencode", ()),
    ("OLLAMA_API_KEY", "ollama", "ollama-cloud", ()),
)

PROGRAMS = {"openai": (), "ollama": ("ollama",), "opencode": ("opencode",)}


def specs() -> list[ProviderSpec]:
    """One spec per provider of the table."""
    by_provider: dict[str, list[KeyVariable]] = {}
    for name, provider, account, short in ROWS:
        by_provider.setdefault(provider, []).append(
            KeyVariable(name=name, account_id=account, short_names=short)
        )
    return [
        ProviderSpec(
            id=provider,
            title=provider,
            description="",
            kind="api",
            auth="api_key",
            keys=tuple(keys),
            binaries=PROGRAMS.get(provider, ()),
        )
        for provider, keys in by_provider.items()
    ]


def bare_machine(home: Path, platform: str = "linux", **env: str) -> Machine:
    """A machine whose programs and files all lie below `home`."""
    # set, even empty: the real directories of the machine that runs the tests are not looked into
    given = {"HOME": str(home), "OPENUSAGE_DETECT_BIN_DIRS": "", **env}
    return Machine(env=given, home=str(home), platform=platform)


def program(path: Path) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def write(path: Path, text: str) -> Path:
    """A file with its directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
