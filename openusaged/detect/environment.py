"""Keys in the daemon's own environment: the first variable of an account that is set."""

from __future__ import annotations

from collections.abc import Sequence

from openusaged.detect.findings import MATCHED, MISSED, KeyFinding, Look, Variable
from openusaged.providers.base import Machine

SOURCE = "env"


def keys(machine: Machine, variables: Sequence[Variable]) -> tuple[list[KeyFinding], list[Look]]:
    """
    One finding per variable that is set and not blank, in the order of the table.

    Two variables of one account are both findings; whoever asks takes the first.
    """
    found: list[KeyFinding] = []
    looks: list[Look] = []
    for variable in variables:
        value = machine.env.get(variable.name, "").strip()
        looks.append(
            Look(
                source=SOURCE,
                place=f"${variable.name}",
                outcome=MATCHED if value else MISSED,
                provider_id=variable.provider_id,
            )
        )
        if value:
            found.append(
                KeyFinding(
                    account_id=variable.account_id,
                    provider_id=variable.provider_id,
                    value=value,
                    source=SOURCE,
                    variable=variable.name,
                )
            )
    return found, looks
