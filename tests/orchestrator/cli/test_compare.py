"""`advsweep compare`."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.orchestrator.cli.conftest import Finished


def test_two_trials_are_compared_in_the_order_they_are_named(finished: Finished) -> None:
    rows = {row["trial_id"]: row for row in finished.rows()}
    whole = next(key for key, row in rows.items() if row["pruning_ratio"] == 0 and row["attack_steps"] == 5)
    pruned = next(key for key, row in rows.items() if row["pruning_ratio"] == 0.5 and row["attack_steps"] == 5)
    facts = json.loads(finished.ask("compare", whole, pruned, "--json").stdout)
    assert [trial["trial_id"] for trial in facts["trials"]] == [whole, pruned]
    clean, robust = facts["measures"]
    assert (clean["measure"], robust["measure"]) == ("clean accuracy", "robust accuracy")
    for entry, name in ((clean, "clean_accuracy"), (robust, "robust_accuracy")):
        assert (entry["first"], entry["second"]) == pytest.approx((rows[whole][name], rows[pruned][name]))
    assert facts["images"] == rows[whole]["examples"]
    read = list(csv.DictReader(io.StringIO(finished.ask("compare", whole, pruned, "--format", "csv").stdout)))
    assert [float(entry["difference"]) for entry in read] == [entry["difference"] for entry in facts["measures"]]
    shown = finished.ask("compare", whole, pruned).stdout.splitlines()
    assert shown[0] == f"{facts['images']} images that both attacked"
    assert shown[1].split()[:2] == [whole, pruned]
