"""
Finds the providers: modules below `openusaged.providers`, and plug-ins that other packages bring.

No list to edit: one module or package each, exporting `PROVIDER`, or an entry point of the group
`openusage.providers` that leads to one.  What cannot be imported is logged and left out, so that
one broken provider does not take the daemon with it; the conformance tests import the built-in
ones all.
"""

from __future__ import annotations

import importlib
import logging
import os
import pkgutil
import sys
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from openusaged import providers as package
from openusaged.core.errors import ProviderError
from openusaged.providers.base import Provider

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

log = logging.getLogger(__name__)

GROUP: Final = "openusage.providers"
"""Entry points of this group name a provider's id and lead to its `PROVIDER`."""
BUILT_IN: Final = "built-in"

_NOT_PROVIDERS: Final = frozenset({"base", "registry", "shared"})


@cache
def provider_ids() -> tuple[str, ...]:
    """Ids of all modules of ours that ought to hold a provider."""
    return tuple(
        sorted(
            module.name
            for module in pkgutil.iter_modules(package.__path__)
            if module.name not in _NOT_PROVIDERS
        )
    )


@cache
def load(provider_id: str) -> Provider:
    """
    One provider by id; installed packages are looked through only for ids that are not ours.

    Raises:
        ProviderError: there is none, or its module does not hold one.
    """
    if provider_id in provider_ids():
        module = importlib.import_module(f"{package.__name__}.{provider_id}")
        return _checked(getattr(module, "PROVIDER", None), provider_id, module.__name__)
    entry = _plugins().get(provider_id)
    if entry is None:
        raise ProviderError(f"there is no provider {provider_id!r}")
    return _checked(entry.load(), provider_id, entry.value)


@cache
def load_all() -> MappingProxyType[str, Provider]:
    """All providers by id; broken ones are logged and left out."""
    found: dict[str, Provider] = {}
    for provider_id in (*provider_ids(), *_plugins()):
        try:
            found[provider_id] = load(provider_id)
        except Exception:
            log.exception("event=provider_broken provider=%s", provider_id)
    return MappingProxyType(found)


def origin(provider_id: str) -> str:
    """`built-in`, or the name and version of the package that brings the plug-in."""
    entry = None if provider_id in provider_ids() else _plugins().get(provider_id)
    if entry is None:
        return BUILT_IN
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.module


@cache
def problems() -> tuple[str, ...]:
    """A sentence for every provider that cannot be used, for people."""
    loaded = load_all()
    broken = [
        f"provider {provider_id} ({origin(provider_id)}) cannot be loaded; the log says why"
        for provider_id in (*provider_ids(), *_plugins())
        if provider_id not in loaded
    ]
    clashes = [
        f"plug-in {entry.name} ({entry.value}) is left out: there is a provider of that id"
        for entry in _entry_points()
        if _plugins().get(entry.name) is not entry
    ]
    return (*broken, *clashes)


def for_source(source: str) -> Provider | None:
    """The provider that understands a source's hook payloads."""
    name = source.strip().lower().replace("-", "_")
    for provider in load_all().values():
        if name in (provider.sources or (provider.id,)):
            return provider
    return None


def forget() -> None:
    """Look again at what is installed (tests; a running daemon finds new packages at a restart)."""
    for cached in (provider_ids, load, load_all, problems, _entry_points, _plugins):
        cached.cache_clear()


def _checked(provider: object, provider_id: str, where: str) -> Provider:
    if not isinstance(provider, Provider) or provider.id != provider_id:
        raise ProviderError(f"{where} does not export a PROVIDER of the id {provider_id!r}")
    return provider


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    if not _are_declared():
        return ()
    from importlib.metadata import entry_points

    try:
        return tuple(entry_points(group=GROUP))
    except Exception:
        # a damaged package elsewhere in the environment is no reason to go without our own
        log.exception("event=plugins_unreadable")
        return ()


def _are_declared() -> bool:
    """
    Whether a package on the import path may declare plug-ins: a glance at their entry points.

    Nearly always none does, and importlib.metadata, asked for that, is a twentieth of a start.
    """
    group = GROUP.encode()
    for directory in sys.path:
        try:
            with os.scandir(directory or ".") as found:
                packages = [
                    item.path
                    for item in found
                    if item.name.lower().endswith(("dist-info", "egg-info"))
                ]
        except NotADirectoryError:
            return True  # an archive: looking into it is importlib.metadata's
        except OSError:
            continue
        for path in packages:
            try:
                with open(os.path.join(path, "entry_points.txt"), "rb") as file:
                    if group in file.read():
                        return True
            except OSError:
                continue  # it has none
    return False


@cache
def _plugins() -> MappingProxyType[str, EntryPoint]:
    """Plug-ins by id: our own ids are taken, and the first of several packages wins."""
    found: dict[str, EntryPoint] = {}
    for entry in _entry_points():
        if entry.name in provider_ids() or entry.name in found:
            log.warning("event=plugin_clash provider=%s module=%s", entry.name, entry.value)
        else:
            found[entry.name] = entry
    return MappingProxyType(found)
