"""
The methods of the wire as their modules state them: name, handler, types, and where they run.

Separate from dispatch, so that a method's file needs no JSON-RPC library to be understood.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from openusage_proto.values import dataclass
from openusaged.rpc.context import Deferred, RpcContext

Pool = Literal["hub", "readers", "workers"]
Handler = Callable[[RpcContext, Any], Any]
H = TypeVar("H", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpec:
    """One method of the wire: what it takes and gives, who answers, and where that runs."""

    name: str
    handler: Handler
    summary: str
    pool: Pool = "hub"
    """`readers`, `workers`: the handler blocks and runs in that pool."""
    encoded: type[Any] | None = None
    """What the handler's bytes are, where it encodes its result itself."""

    @property
    def params(self) -> type[Any]:
        """The type of its parameters, by the handler's annotations."""
        _, given = inspect.signature(self.handler).parameters
        kind: type[Any] = typing.get_type_hints(self.handler)[given]
        return kind

    @property
    def result(self) -> type[Any]:
        """The type of its result; `Deferred[SomeResult]` counts as `SomeResult`."""
        returned: Any = self.encoded or typing.get_type_hints(self.handler)["return"]
        if typing.get_origin(returned) is Deferred:
            (returned,) = typing.get_args(returned)
        return returned  # type: ignore[no-any-return]


_registry: dict[str, MethodSpec] = {}


def method(name: str, *, pool: Pool = "hub", result: type[Any] | None = None) -> Callable[[H], H]:
    """
    Register a handler `(ctx: RpcContext, params: SomeParams) -> SomeResult` under `name`.

    Types are taken from its annotations when they are needed, the summary from its docstring's
    first line.  `result` says what the handler's bytes are when it returns an already encoded
    `msgspec.Raw`.

    Raises:
        ValueError: the name is taken.
    """

    def register(handler: H) -> H:
        if name in _registry:
            raise ValueError(f"method {name} is registered twice")
        _registry[name] = spec_of(name, handler, pool=pool, result=result)
        return handler

    return register


def spec_of(
    name: str, handler: Handler, *, pool: Pool = "hub", result: type[Any] | None = None
) -> MethodSpec:
    """The spec that a handler's annotations and docstring state."""
    summary = (handler.__doc__ or name).strip().split("\n", 1)[0].strip()
    return MethodSpec(name=name, handler=handler, summary=summary, pool=pool, encoded=result)


def load_methods() -> Mapping[str, MethodSpec]:
    """Import every module of `openusaged.rpc.methods` and return what they registered."""
    package = importlib.import_module("openusaged.rpc.methods")
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
    return dict(sorted(_registry.items()))
