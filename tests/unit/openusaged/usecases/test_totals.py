"""Cost modes over every kind of record, by hand."""

from __future__ import annotations

import pytest

from openusage_proto.messages import CostMode
from openusaged.storage.store import UsageRow
from openusaged.usecases.totals import sum_rows


def row(**sums: object) -> UsageRow:
    return UsageRow(**{"requests": 1, "input": 10, **sums})  # type: ignore[arg-type]


# One request each; 7 is our estimate, 5 what the tool recorded, in 1e-9 dollars.
ESTIMATED = row(calc_nano=7, auto_nano=7)
RECORDED = row(calc_nano=7, rec_nano=5, rec_requests=1, auto_nano=5)
RECORDED_ZERO = row(calc_nano=7, rec_requests=1)
ONLY_RECORDED = row(unpriced=1, rec_nano=5, rec_requests=1, auto_nano=5, fallback_nano=5)
NOTHING = row(unpriced=1, auto_unpriced=1)
FAILED = row(input=0, errors=1)
EUROS = row(currency="EUR", calc_nano=7, rec_nano=5, rec_requests=1, auto_nano=7)
ONLY_EUROS = row(currency="EUR", unpriced=1, rec_nano=5, rec_requests=1, auto_unpriced=1)


@pytest.mark.parametrize(
    ("mode", "rows", "nano", "unpriced", "basis"),
    [
        ("calculate", [ESTIMATED], 7, 0, "estimate"),
        ("calculate", [RECORDED], 7, 0, "estimate"),
        ("calculate", [RECORDED_ZERO], 7, 0, "estimate"),
        ("calculate", [ONLY_RECORDED], 5, 0, "recorded"),
        ("calculate", [ESTIMATED, ONLY_RECORDED], 12, 0, "mixed"),
        ("calculate", [NOTHING], 0, 1, "unpriced"),
        ("calculate", [FAILED], 0, 0, "estimate"),
        ("calculate", [EUROS], 7, 0, "estimate"),
        ("calculate", [ONLY_EUROS], 0, 1, "unpriced"),
        ("display", [ESTIMATED], 0, 1, "unpriced"),
        ("display", [RECORDED], 5, 0, "recorded"),
        ("display", [RECORDED_ZERO], 0, 0, "recorded"),
        ("display", [ONLY_RECORDED], 5, 0, "recorded"),
        ("display", [ESTIMATED, RECORDED], 5, 1, "recorded"),
        ("display", [NOTHING], 0, 1, "unpriced"),
        ("display", [EUROS], 0, 0, "recorded"),
        ("display", [ONLY_EUROS], 0, 0, "recorded"),
        ("auto", [ESTIMATED], 7, 0, "estimate"),
        ("auto", [RECORDED], 5, 0, "recorded"),
        ("auto", [RECORDED_ZERO], 0, 0, "recorded"),
        ("auto", [ONLY_RECORDED], 5, 0, "recorded"),
        ("auto", [ESTIMATED, RECORDED], 12, 0, "mixed"),
        ("auto", [NOTHING], 0, 1, "unpriced"),
        ("auto", [EUROS], 7, 0, "estimate"),
        ("auto", [ONLY_EUROS], 0, 1, "unpriced"),
    ],
)
def test_cost_by_mode(
    mode: CostMode, rows: list[UsageRow], nano: int, unpriced: int, basis: str
) -> None:
    """Each mode takes the cost it names, counts what is missing and says what the sum is."""
    total = sum_rows(rows, mode)
    assert (total.cost_nano, total.unpriced, total.basis) == (nano, unpriced, basis)


@pytest.mark.parametrize("mode", ["calculate", "display", "auto"])
def test_other_currencies_are_kept_apart(mode: CostMode) -> None:
    """Euros are listed as euros in every mode and never become dollars."""
    totals = sum_rows([RECORDED, EUROS, ONLY_EUROS], mode).totals()
    assert totals.other_costs == {"EUR": 10e-9}
    assert totals.total_tokens == 30
