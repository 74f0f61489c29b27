"""Robustness that is not there is noticed in an ordinary grid, and what is sound raises no alarm."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

from orchestrator.results.checks.verdict import SUSPICIOUS, UPPER_BOUND
from orchestrator.results.verdicts import annotate_rows
from tasks.errors import StageError
from tests.support import planted_lies
from tests.support.attack_models import network
from tests.support.planted_lies import LieSettings, meet_grid, shift_labels
from tests.support.toy_attack import registered

pytestmark = pytest.mark.slow

TRICKS = [
    (planted_lies.Rounded, "gradients present"),
    (planted_lies.Dropping, "deterministic"),
    (planted_lies.SecondLook, "deterministic"),
    (planted_lies.Reversed, "erased images unseen"),
    (planted_lies.LookUp, "no flat curve"),
    (planted_lies.Remembering, "answers from the image alone"),
    (planted_lies.Constant, "clean accuracy above chance"),
]


def alarms(rows: list[dict[str, Any]]) -> set[str]:
    """The checks that call a row suspicious."""
    found = [json.loads(row["verdicts"]) for row in annotate_rows(rows)]
    return {check for of_row in found for check, verdict in of_row.items() if verdict == SUSPICIOUS}


@pytest.mark.parametrize(("planted", "check"), TRICKS, ids=lambda value: getattr(value, "__name__", None))
def test_a_model_that_hides_is_noticed(planted: type[nn.Module], check: str) -> None:
    rows = annotate_rows(meet_grid(planted()))
    assert check in alarms(rows)
    assert {row["verdict"] for row in rows} == {SUSPICIOUS}, "beside every number of the model"
    assert all(row["verdict_reason"] for row in rows)


@pytest.mark.parametrize(("trick", "check"), [("nothing", "images are moved"), ("weak noise", "attack >= probes")])
def test_an_attack_that_does_not_attack_is_noticed(trick: str, check: str) -> None:
    with registered(LieSettings):
        assert check in alarms(meet_grid(network(), grid=[("32/255", 10)], name="lie", trick=trick))


@pytest.mark.parametrize(
    ("trick", "message"),
    [("beyond the ball", "left the linf ball"), ("another image", "left the linf ball")],
)
def test_an_attack_that_cheats_fails_its_stage(trick: str, message: str) -> None:
    with registered(LieSettings), pytest.raises(StageError, match=message):
        meet_grid(network(), grid=[("32/255", 10)], name="lie", trick=trick)


def test_logits_that_are_no_numbers_fail_the_stage_with_a_cause_that_fits() -> None:
    with pytest.raises(StageError, match=r"logits are NaN or infinite in \d+ of \d+ images although its weights"):
        meet_grid(planted_lies.Broken(), grid=[("32/255", 10)])


def test_labels_off_by_one_are_noticed_and_named() -> None:
    rows = annotate_rows(meet_grid(network(), shift_labels))
    assert "clean accuracy above chance" in alarms(rows)
    assert "labels are shifted, or classes stand in another order" in rows[0]["verdict_reason"]


@pytest.mark.parametrize("attack", [{}, {"norm": "l2"}, {"name": "mifgsm"}, {"stop_when_fooled": False}], ids=str)
def test_an_attack_on_a_sound_model_raises_no_alarm(attack: dict[str, Any]) -> None:
    rows = annotate_rows(meet_grid(network(), **attack))
    assert alarms(rows) == set()
    if attack.get("norm") != "l2":  # in which these budgets are small
        assert UPPER_BOUND in {row["verdict"] for row in rows}, "one step is the end of no curve"


def test_a_model_without_any_training_is_said_to_guess() -> None:
    torch.manual_seed(0)
    rows = annotate_rows(meet_grid(nn.Sequential(nn.Flatten(), nn.Linear(64, 10))))
    assert "clean accuracy above chance" in alarms(rows)
