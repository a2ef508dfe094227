"""
What is read, asked, sent and stored, taken from the providers' own descriptions and source.

Nothing here is a list of its own: a host that appears in a provider's code appears in the answer.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from openusage_proto.alert_messages import AlertFacts
from openusage_proto.privacy_messages import AlertWay, Privacy, ServicePrivacy
from openusaged.core.models import Account, UsageEvent, UsageSnapshot
from openusaged.providers import registry
from openusaged.providers.base import Provider
from openusaged.usecases import prices

_FIELD: Final = re.compile(r"^(\w+): (.*(?:\n(?!\w+: |\n).*)*)", re.MULTILINE)
_HEADER: Final = re.compile(r"[A-Z][A-Za-z]*(?:-[A-Za-z]+)+|Authorization|Cookie|Accept")
_LOWER_HEADERS: Final = ("x-api-key", "authorization", "anthropic-version", "anthropic-beta")
NEVER: Final = (
    "prompts and answers",
    "input and output of tools",
    "titles of chats",
    "e-mail addresses",
    "keys and tokens, except a key you typed in (credentials.json, readable by you only)",
)


def privacy(accounts: Sequence[Account], alert_ways: Sequence[AlertWay] = ()) -> Privacy:
    """Everything; reads our own source, so a worker thread's job."""
    services = [_service(provider, accounts) for provider in registry.load_all().values()]
    return Privacy(
        services=sorted(services, key=lambda service: service.id),
        other_hosts=sorted(set(_hosts(_texts(Path(prices.__file__).read_bytes())))),
        stored_event_fields=list(UsageEvent.__struct_fields__),
        stored_snapshot_fields=list(UsageSnapshot.__struct_fields__),
        never_stored=list(NEVER),
        alert_ways=list(alert_ways),
        alert_fields=[field.name for field in dataclasses.fields(AlertFacts)],
    )


def _service(provider: Provider, accounts: Sequence[Account]) -> ServicePrivacy:
    module = importlib.import_module(_module_of(provider))
    fields = {key: " ".join(text.split()) for key, text in _FIELD.findall(module.__doc__ or "")}
    sources = [path.read_bytes() for path in _sources(module.__file__ or "")]
    texts = [text for source in sources for text in _texts(source)]
    mine = [account for account in accounts if account.provider_id == provider.id]
    asks = provider.fetch is not None
    return ServicePrivacy(
        id=provider.id,
        title=provider.spec.title,
        reads=fields.get("reads", ""),
        environment=[name.strip() for name in fields.get("env", "").split(",") if name.strip()],
        hosts=sorted(set(_hosts(texts))) if asks else [],
        headers=sorted(_headers_of(provider, sources, texts)) if asks else [],
        places=sorted({path for account in mine for path in _places(account)}),
        cookie=provider.spec.cookie is not None,
        found=bool(mine),
    )


def _module_of(provider: Provider) -> str:
    # What is only a key has nothing to discover, and what has only records nothing to fetch.
    function = provider.discover or provider.fetch
    assert function is not None
    name: str = function.__module__
    package = f"openusaged.providers.{provider.id}"
    return package if name.startswith("openusaged.providers.") else name


def _places(account: Account) -> Iterator[str]:
    if account.home:
        yield account.home
    yield from (path for path in account.paths.values() if os.path.isabs(path))


def _sources(path: str) -> Iterator[Path]:
    module = Path(path)
    yield from sorted(module.parent.glob("*.py")) if module.name == "__init__.py" else [module]


def _texts(source: bytes) -> Iterator[str]:
    """Every text in a module's code, docstrings left out."""
    tree = ast.parse(source)
    for node in ast.walk(tree):  # what contains comes before what it contains
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _hosts(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if text.startswith("https://") and (host := urlsplit(text).hostname):
            yield host


def _headers_of(provider: Provider, sources: Iterable[bytes], texts: Iterable[str]) -> set[str]:
    """Names in its own code; `Authorization` besides when shared code sends its key."""
    own = {text for text in texts if _HEADER.fullmatch(text) or text in _LOWER_HEADERS}
    shared = any(b"bearer" in source for source in sources)
    return own | ({"Authorization", "User-Agent"} if shared and provider.spec.keys else set())
