"""
What a usual week of an account, a project or a model looks like, from the store.

Loaded by whoever asks for a forecast: the daemon's start does without.
"""

from __future__ import annotations

from datetime import timedelta

from openusage_proto import forecasts
from openusage_proto.explain_messages import ExplainParams
from openusage_proto.forecasts import Habits
from openusaged.core.models import QUARTER_MS
from openusaged.core.windows import day_start_ms, local_date, quarter_of, to_datetime
from openusaged.storage.store import Selection, Store
from openusaged.usecases.activity import local_hours
from openusaged.usecases.explaining import owners_of
from openusaged.usecases.reading import View
from openusaged.usecases.report_scope import ReportContext, projects_meant


def habits_of(
    store: Store,
    view: View,
    context: ReportContext,
    *,
    account: str = "",
    provider: str = "",
    project: str = "",
    model: str = "",
) -> Habits | None:
    """
    The mean use of each hour of the week over the last four; None when too little is known.

    In cost where anything has one, else in tokens.

    Raises:
        InvalidParams: there is no such account.
    """
    first_q = store.first_quarter()
    if first_q is None:
        return None
    today = local_date(context.now_ms, context.zone)
    since = today - timedelta(days=forecasts.PROFILE_DAYS - 1)
    selection = Selection(
        start_q=quarter_of(day_start_ms(since, context.zone)),
        end_q=quarter_of(context.now_ms) + 1,
        owners=owners_of(
            ExplainParams(account=account or None, provider=provider or None), view, store
        ),
        model=model or None,
        projects=projects_meant(store, project) if project else None,
    )
    hours = local_hours(store.active_quarters(selection), context.zone)
    unit = "cost" if any(hour.cost_usd for hour in hours) else "tokens"
    first_day = local_date(first_q * QUARTER_MS, context.zone)
    return forecasts.habits(hours, first_day, to_datetime(context.now_ms, context.zone), unit)
