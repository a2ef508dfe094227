"""`line` and `line_catalog`: what tmux and desktop bars show, and what their templates may use."""

from __future__ import annotations

from openusage_proto.line_messages import LineCatalog, LineCatalogParams, LineParams, LineResult
from openusage_proto.methods import LINE, LINE_CATALOG
from openusaged.rpc.context import RpcContext
from openusaged.rpc.registry import method


@method(LINE, pool="readers")
def line(ctx: RpcContext, params: LineParams) -> LineResult:
    """Draw one line for a status bar."""
    return ctx.app.receiving.lines.line(params)  # type: ignore[no-any-return]


@method(LINE_CATALOG, pool="readers")
def line_catalog(ctx: RpcContext, params: LineCatalogParams) -> LineCatalog:
    """Presets, variables, segments and modifiers, with what they say now."""
    del params
    return ctx.app.receiving.lines.catalog()  # type: ignore[no-any-return]
