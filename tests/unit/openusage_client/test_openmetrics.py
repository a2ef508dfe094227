"""The metrics file: readable by a parser of the format, unknown figures have no sample."""

from __future__ import annotations

import re
from dataclasses import replace

from openusage_client.openmetrics import FAMILIES, exposition
from openusage_proto.messages import Metric
from tests.support import wire_samples

SAMPLE = re.compile(r'^([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (\S+)$')


def parse(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """What a collector reads; refuses what the format does not allow."""
    lines = text.splitlines()
    assert text.endswith("# EOF\n")
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    family = ""
    for line in lines[:-1]:
        if line.startswith("# TYPE "):
            family, kind = line.removeprefix("# TYPE ").split(" ")
            assert kind == "gauge"
            assert family not in found
            found[family] = []
        elif line.startswith("# UNIT "):
            assert family.endswith("_" + line.rpartition(" ")[2])
        elif not line.startswith("# HELP "):
            match = SAMPLE.match(line)
            assert match, line
            assert match[1] == family
            labels = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', match[2]))
            found[family].append((labels, float(match[3])))
    for samples in found.values():
        keys = [tuple(sorted(labels.items())) for labels, _ in samples]
        assert len(keys) == len(set(keys))
    return found


def test_m12_file_is_parsed_and_has_the_figures() -> None:
    """M12: limits, resets, tokens, cost and status of every account are there with their labels."""
    found = parse(exposition(wire_samples.read_model(), "30d"))
    used = {
        (labels["account"], labels["metric"]): value
        for labels, value in found["openusage_limit_used"]
    }
    assert used["claude_code", "usage_five_hour"] == 42.7
    status = {
        labels["status"]
        for labels, value in found["openusage_account_status"]
        if labels["account"] == "claude-work" and value == 1
    }
    assert status == {"AUTH_REQUIRED"}
    tokens = sum(
        value
        for labels, value in found["openusage_window_tokens"]
        if labels["account"] == "claude_code"
    )
    assert tokens == wire_samples.read_model().accounts[0].usage.totals.total_tokens  # type: ignore[union-attr]
    stale = {labels["account"]: value for labels, value in found["openusage_account_stale"]}
    assert (stale["claude_code"], stale["codex"]) == (0, 1)
    assert set(found) <= {family.name for family in FAMILIES}


def test_unknown_is_no_sample() -> None:
    """A cost nobody knows and a limit without a number are left out, not 0."""
    model = wire_samples.read_model()
    found = parse(exposition(model, "30d"))
    priced = {labels["account"] for labels, _ in found["openusage_window_cost_usd"]}
    assert "opencode" not in priced
    assert {labels["account"] for labels, _ in found["openusage_window_unpriced_requests"]} == {
        "opencode"
    }
    bare = replace(
        model.accounts[0], metrics=[Metric(key="m", unit="%")], usage=None, fetched_at=None
    )
    assert set(parse(exposition(replace(model, accounts=[bare]), "1d"))) == {
        "openusage_account_status"
    }
    assert exposition(replace(model, accounts=[]), "1d") == "# EOF\n"


def test_labels_are_escaped() -> None:
    """Quotes, backslashes and line ends in a name do not break the file."""
    model = wire_samples.read_model()
    odd = replace(model.accounts[0], account_id='a"b\\c\nd')
    found = parse(exposition(replace(model, accounts=[odd]), "30d"))
    labels, _ = found["openusage_limit_used"][0]
    assert labels["account"] == 'a\\"b\\\\c\\nd'
