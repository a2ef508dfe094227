"""`read_model`: every account with its limits and what it used in a window."""

from __future__ import annotations

from typing import Any

import msgspec

from openusage_proto.messages import ReadModel, ReadModelParams
from openusage_proto.methods import READ_MODEL
from openusaged.rpc.context import Deferred, RpcContext
from openusaged.rpc.registry import method


@method(READ_MODEL, result=ReadModel)
def read_model(ctx: RpcContext, params: ReadModelParams) -> Any:
    """
    Snapshots of all accounts overlaid with their usage in the window.

    Answered on the hub when nothing has changed (`if_seq`) or the same question was just answered;
    otherwise read in a reader thread.
    """
    answer = ctx.app.reading.read_model(params)
    return answer if isinstance(answer, ReadModel | msgspec.Raw) else Deferred(answer)
