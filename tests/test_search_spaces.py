"""The search spaces that ship with advsweep: valid, described, and what their papers say is about trials of theirs."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.space import space as spaces
from tasks.settings import parse_number
from tasks.trial.chain import build_chain
from tasks.trial.row import make_failed_row
from tasks.trial.trial import Trial

STUDIES = (
    "animals10_ifgsm",
    "cifar10_aft",
    "cifar10_ensemble",
    "defences",
    "fastat",
    "mnist_fgsm",
    "pruning_benchmark",
    "pruning_grid",
)


MISSING = object()


def make_row(trial: Trial) -> dict[str, Any]:
    """Its columns, and its configuration as it is read."""
    row = make_failed_row(trial, build_chain(trial, "0" * 64), "") | {"examples": trial.attack.examples}
    return row | {"config": json.loads(row["config"])}


def found(row: dict[str, Any], key: str) -> object:
    """What a trial has under a key of `match`: a column of the table, or a dotted path into its configuration."""
    if key in row:
        return row[key]
    value: Any = row["config"]
    for name in key.split("."):
        value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
    return value


def fits(value: object, wanted: object) -> bool:
    if wanted == "*":
        return value not in (None, MISSING)
    if isinstance(wanted, list):
        return any(fits(value, one) for one in wanted)
    if wanted is None:
        return value in (None, MISSING)
    return value == (parse_number(wanted) if "/" in str(wanted) else wanted)


@pytest.mark.parametrize("name", STUDIES)
def test_every_reference_of_a_study_is_met_by_a_trial(name: str) -> None:
    space = spaces.load(name, ["seed=0"])
    assert space.description
    matches = {number.source: number.match for number in space.paper.numbers}
    for claim in space.paper.claims:
        matches |= {f"{claim.says}: higher": claim.higher, f"{claim.says}: lower": claim.lower}
    assert matches or name == "animals10_ifgsm"
    matches |= {name: request.where for name, request in space.figures.items()}
    rows = [make_row(trial) for trial in space.trials]
    for source, match in matches.items():
        assert source
        assert any(all(fits(found(row, key), v) for key, v in match.items()) for row in rows), source


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("animals10_ifgsm", {"training_curves": 2, "heat_map": 2}),
        ("pruning_grid", {"training_table": 1, "training_curves": 2}),
        ("mnist_fgsm", {"budget_bars": 2, "security_curves": 2, "images": 1, "training_curves": 1,
                        "confusion_matrices": 1, "confidence": 1}),
        ("cifar10_aft", {"confusion_matrices": 3, "images": 1, "budget_bars": 1}),
        ("cifar10_ensemble", {"images": 3, "budget_bars": 1, "training_curves": 1}),
    ],
)  # fmt: skip
def test_a_study_names_every_figure_of_its_paper(name: str, kinds: dict[str, int]) -> None:
    space = spaces.load(name)
    assert Counter(request.kind for request in space.figures.values()) == kinds
    curves = kinds.get("training_curves", 0) and name != "mnist_fgsm"
    assert bool(curves) == all(trial.dataset.split.validation > 0 for trial in space.trials), "validation curves"


@pytest.mark.parametrize("name", sorted(spaces.list_shipped()))
def test_every_shipped_space_is_valid_and_described(name: str) -> None:
    space = spaces.load(name)
    assert space.trials
    assert space.description


def test_the_digits_space_is_the_embedded_default() -> None:
    plan = make_plan(spaces.load("digits"), None)
    assert len(plan.trials) >= 96
    assert len({trial.trial.seed for trial in plan.trials}) >= 2
