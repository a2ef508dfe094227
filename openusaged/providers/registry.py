"""
Finds the providers: one module or package below `openusaged.providers` each, exporting `PROVIDER`.

No list to edit.  A module that cannot be imported is logged and left out, so that one broken
provider does not take the daemon with it; the conformance tests import them all.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from functools import cache
from types import MappingProxyType

from openusaged import providers as package
from openusaged.core.errors import ProviderError
from openusaged.providers.base import Provider

log = logging.getLogger(__name__)

_NOT_PROVIDERS = frozenset({"base", "registry", "shared"})


def provider_ids() -> list[str]:
    """Ids of all modules that ought to hold a provider."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(package.__path__)
        if module.name not in _NOT_PROVIDERS
    )


@cache
def load(provider_id: str) -> Provider:
    """
    One provider by id.

    Raises:
        ProviderError: there is none, or its module does not hold one.
    """
    if provider_id not in provider_ids():
        raise ProviderError(f"there is no provider {provider_id!r}")
    module = importlib.import_module(f"{package.__name__}.{provider_id}")
    provider = getattr(module, "PROVIDER", None)
    if not isinstance(provider, Provider) or provider.id != provider_id:
        raise ProviderError(f"module {module.__name__} does not export a PROVIDER of that id")
    return provider


@cache
def load_all() -> MappingProxyType[str, Provider]:
    """All providers by id; broken ones are logged and left out."""
    found: dict[str, Provider] = {}
    for provider_id in provider_ids():
        try:
            found[provider_id] = load(provider_id)
        except Exception:
            log.exception("event=provider_broken provider=%s", provider_id)
    return MappingProxyType(found)


def for_source(source: str) -> Provider | None:
    """The provider that understands a source's hook payloads."""
    name = source.strip().lower().replace("-", "_")
    for provider in load_all().values():
        if name in (provider.sources or (provider.id,)):
            return provider
    return None
