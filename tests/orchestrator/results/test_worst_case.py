"""The worst case over several attacks: one line for each configuration of a model, whatever its columns."""

from __future__ import annotations

import json

from orchestrator.results.worst_case import list_worst_cases
from tests.support.rows import row


def test_worst_cases_of_models_that_are_alike_in_every_column_stay_apart() -> None:
    plain, longer = row({"name": "fgsm", "eps": "8/255"}, 500), row({"name": "fgsm", "eps": "8/255"}, 300)
    settings = json.loads(longer["config"])
    settings["train"]["epochs"] = 99
    longer |= {"config": json.dumps(settings), "adversarial_finetune_key": "f" * 64}
    found = [
        [entry["adversarial_finetune_key"], "linf", 8 / 255, "pixels", 1, 1000, entry["robust_correct"]]
        for entry in (plain, longer)
    ]
    columns, lines = list_worst_cases([plain, longer], found)
    named = [dict(zip(columns, line, strict=True)) for line in lines]
    assert {(entry["train.epochs"], entry["examples"], entry["robust_correct"]) for entry in named} == {
        (json.loads(plain["config"])["train"]["epochs"], 1000, 500),
        (99, 1000, 300),
    }
