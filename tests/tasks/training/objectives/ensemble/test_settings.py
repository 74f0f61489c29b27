"""Every objective in every place where one holds another: it works there, or is refused with what does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from tasks.data.images import Images
from tasks.training.objectives.awp.objective import perturb_weights
from tasks.training.objectives.awp.settings import AwpSettings
from tasks.training.objectives.base import ObjectiveSettings
from tasks.training.objectives.registry import OBJECTIVES
from tasks.training.objectives.step import Batch, ObjectiveContext, build_objective
from tasks.training.settings import TrainSettings
from tasks.training.surrogate import SurrogateSettings
from tests.support.objectives import NAMED_OBJECTIVES, TEACHER
from tests.support.small import SGD
from tests.support.training import make_draw

PLAIN = {label: given for label, given in NAMED_OBJECTIVES.items() if not {"awp", "weight_averaging"} & given.keys()}
"""Label -> an objective with nothing on top, which stands outside."""
PLAIN["free, one replay"] = {"name": "free", "eps": "8/255", "replays": 1}
IMAGES = Images(
    torch.randint(0, 256, (8, 1, 8, 8), dtype=torch.uint8, generator=make_draw()), torch.arange(8) % 4, tuple("abcd")
)


def build_net() -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(256, 4)
        )


def wrap(inner: dict[str, Any]) -> dict[str, Any]:
    return {"name": "ensemble", "attack": {"name": "fgsm", "eps": 0.1}, "surrogates": [TEACHER], "inner": inner}


def read(objective: dict[str, Any]) -> ObjectiveSettings:
    section = {"epochs": 1, "optimizer": SGD, "objective": objective}
    return TrainSettings.model_validate(section).chosen_objective


@pytest.mark.parametrize("label", PLAIN)
def test_an_ensemble_takes_a_step_with_an_objective_inside_or_refuses_it(label: str) -> None:
    inner = read(PLAIN[label])
    if not type(inner).can_be_inner:
        with pytest.raises(
            ValidationError, match=rf"{inner.name} cannot stand in `ensemble`: .*; choose from "
        ) as raised:
            read(wrap(PLAIN[label]))
        listed = str(raised.value).split("choose from ")[1].split(" [type")[0].split(";")[0].split(", ")
        assert listed == sorted(name for name in OBJECTIVES if OBJECTIVES.load(name).can_be_inner)
        return
    outer, model = read(wrap(PLAIN[label])), build_net()
    for name in ("adversarial_share", "trained_budget", "image_limit", "steps_per_batch", "can_pause"):
        assert getattr(outer, name) == getattr(inner, name), name
    context = ObjectiveContext(model, IMAGES, [build_net() for _ in outer.required_models], seed=0)
    batch = Batch(IMAGES.pixels / 255, IMAGES.labels, torch.arange(8), progress=0.5)
    for objective in (build_objective(outer, context), perturb_weights(build_objective(outer, context), AwpSettings())):
        loss = objective(model.train(), batch, make_draw()).loss
        (gradient,) = torch.autograd.grad(loss, [next(model.parameters())])
        assert bool(loss.isfinite())
        assert gradient.count_nonzero() > 0


@pytest.mark.parametrize("label", PLAIN)
def test_a_teacher_and_a_surrogate_may_be_trained_by_any_objective(label: str) -> None:
    train: dict[str, Any] = {"epochs": 1, "optimizer": SGD, "objective": PLAIN[label]}
    chain = {**TEACHER, "train": train}
    for objective in (
        {"name": "distillation", "teacher": chain},
        {**wrap({"name": "standard"}), "surrogates": [chain]},
    ):
        (found,) = read(objective).required_models
        assert isinstance(found, SurrogateSettings)
        assert found.train is not None
        assert found.train.objective is not None
        assert found.train.objective.label == read(PLAIN[label]).label
