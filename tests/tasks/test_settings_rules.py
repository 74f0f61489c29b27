"""What cannot matter is refused where it is written for nothing, and left out where a grid needs it elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.space import space as spaces
from tasks.errors import ProblemsError
from tests.conftest import CONFIG

SGD = {"name": "sgd"}
TRAINING = {"epochs": 1, "optimizer": SGD}
MART = {"name": "mart", "attack": {"name": "pgd", "eps": 0.1}}
JPEG: dict[str, Any] = {"name": "jpeg"}
NOISE: dict[str, Any] = {"name": "noise"}
BOUNDS: dict[str, Any] = {"name": "interval_bounds", "eps": 0.1}
FGSM: dict[str, Any] = {"name": "fgsm", "eps": 0.1}
UNTRAINED: dict[str, Any] = {"model": {"name": "resnet8"}}
WITNESS = {"name": "diff_pgd_unrestricted", "witness": UNTRAINED}


def grid(*values: Any) -> dict[str, Any]:
    return {"grid_search": list(values)}


def build(**sections: Any) -> spaces.Space:
    return spaces.build("test", "test", {**CONFIG, **sections})


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"prune": {"ratio": 0.4, "objective": MART}},
            ["prune.objective = 'mart': cannot matter here: it says whose gradient importance: taylor takes"],
        ),
        (
            {"prune": {"ratio": 0.4, "importance": grid("l1", "random"), "pressure": 2}},
            ["prune.pressure = 2.0: cannot matter here: it is about importance: harp"],
        ),
        (
            {"prune": {"ratio": 0.4, "updates": 3, "ramp": 0.5}},
            [
                "prune.updates = 3: cannot matter here: it is about schedule: cubic",
                "prune.ramp = 0.5: cannot matter here: it is about schedule: cubic",
            ],
        ),
        (
            {"attack": {**FGSM, "adaptive": grid(False, True)}},
            ["attack.adaptive = false: cannot matter here: no `inference` puts anything before the model"],
        ),
        (
            {"attack": {"name": "autoattack", "eps": 0.1, "stop_when_fooled": False, "precision": "bf16"}},
            [
                "attack.stop_when_fooled = false: cannot matter here: it means nothing to autoattack",
                "attack.precision = 'bf16': cannot matter here: it means nothing to autoattack",
            ],
        ),
        (
            {"train": {**TRAINING, "epochs": 3, "schedule": {"name": "multistep", "milestones": [3, 9]}}},
            [
                "train.schedule = 'multistep': cannot matter here: its first milestone comes after epoch 2, the last "
                "as counted from 0"
            ],
        ),
        (
            {"attack": {"name": "jsma", "theta": 0.5}},
            ["attack.theta = 0.5: cannot matter here: it is about the targeted form"],
        ),
        (
            {"attack": {"name": "pgd", "eps": 0.1, "random_start": False, "restarts": 5}},
            ["attack.restarts = 5: cannot matter here: without random_start every restart is the same run"],
        ),
        (
            {"attack": grid(FGSM, {**BOUNDS, "stop_when_fooled": False})},
            ["attack.stop_when_fooled = false: cannot matter here: it means nothing to interval_bounds"],
        ),
        (
            {"inference": {"transformations": [JPEG], "samples": 5, "answer": "vote"}},
            [
                "inference.samples = 5: cannot matter here: no transformation here is random",
                "inference.answer = 'vote': cannot matter here: no transformation here is random",
            ],
        ),
        (
            {"train": {**TRAINING, "objective": {"name": "distillation", "teacher": UNTRAINED}}},
            [
                "train.objective.teacher.model.name = 'resnet8': "
                "the teacher has learnt nothing: give teacher.train, or teacher.model.weights"
            ],
        ),
        (
            {"attack": {"name": "advgan", "eps": 0.1}, "inference": grid(None, {"transformations": [JPEG]})},
            ["attack.name = 'advgan': the generator advgan does not know of `inference`: set attack.adaptive: false"],
        ),
        (
            {"attack": WITNESS, "seed": grid(0, 1)},
            [
                "attack.witness.model.name = 'resnet8': "
                "the witness is to be another classifier than the trial's: of another seed or architecture"
            ],
        ),
    ],
)
def test_what_is_written_for_nothing_is_refused_with_one_line(sections: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ProblemsError) as caught:
        build(**sections)
    assert [*map(str, caught.value.problems)] == said


PLAIN: dict[str, Any] = {"ratio": 0.4, "importance": "l1"}
CUBIC = {"ratio": 0.4, "schedule": "cubic", "training": TRAINING, "updates": 3}


@pytest.mark.parametrize(
    ("sections", "trials", "plain"),
    [
        (
            {"prune": {"ratio": 0.4, "importance": grid("l1", "taylor"), "objective": grid(None, MART)}},
            3,
            {"prune": PLAIN},
        ),
        ({"prune": grid(CUBIC, {**PLAIN, "updates": 3})}, 2, {"prune": PLAIN}),
        (
            {"inference": {"transformations": [grid(JPEG, NOISE)], "samples": grid(1, 5)}},
            3,
            {"inference": {"transformations": [JPEG]}},
        ),
        (
            {"attack": {**FGSM, "adaptive": grid(False, True)}, "inference": grid(None, {"transformations": [JPEG]})},
            3,
            {"attack": FGSM},
        ),
        ({"prune": {"ratio": 0.4, "pressure": 1, "updates": 10}}, 1, {"prune": PLAIN}),
    ],
)
def test_where_a_grid_needs_it_the_others_leave_it_out_and_share_their_keys(
    sections: dict[str, Any], trials: int, plain: dict[str, Any]
) -> None:
    found = [trial.trial_id for trial in build(**sections).trials]
    assert len(found) == trials
    assert build(**plain).trials[0].trial_id in found
