"""Once-for-all adversarial training: the loss of a batch is that of an ordinary network for each of its images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional as F

from orchestrator.space import space as spaces
from tasks.errors import StageError, UsageError
from tasks.models.build import Description, build_model, build_with_weights
from tasks.models.conditional import fold_condition, make_conditional
from tasks.training.objectives.oat.objective import build_oat
from tasks.training.objectives.oat.settings import OatSettings
from tasks.training.objectives.step import Batch
from tasks.trial.row import make_failed_row
from tests.conftest import CONFIG
from tests.support.small import SGD, context, run, stages_of, trial, weights
from tests.support.training import make_draw

OAT: dict[str, Any] = {"name": "oat", "lambdas": [0, 0.5, 1], "attack": {"name": "ifgsm", "eps": 0.1, "steps": 2}}
TRAIN: dict[str, Any] = {"epochs": 1, "batch_size": 50, "optimizer": SGD}
FEW = {"name": "digits", "train_examples": 100}


def test_the_loss_is_the_mixed_loss_of_the_network_that_each_image_asks_for() -> None:
    description = Description("resnet8", "cifar", 1, 3, 0.5, 0.5)
    torch.manual_seed(2)
    model, settings = build_model(description), OatSettings.model_validate(OAT)
    make_conditional(model.network, settings.lambdas, 1.0)
    for name, value in model.named_parameters():
        if "film" in name:
            value.data += 0.05 * torch.randn(value.shape)
    batch = Batch(torch.rand(7, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2, 0]), torch.arange(7))
    objective = build_oat(settings)
    made = objective.craft(model, batch, make_draw())
    assert made.weights is not None
    assert made.weights[:3].tolist() == [0.0] * 3, "a third of the images, rounded up"
    assert set(made.weights[3:].tolist()) <= {0.5, 1.0}
    assert len(made.crafted) == 4
    model.eval()  # so that no answer depends on the batch
    found = objective.compute_loss(model, made, make_draw())
    expected = []
    for place, weight in enumerate(made.weights.tolist()):
        state = {f"network.{name}": value for name, value in fold_condition(model.network, weight).items()}
        plain = build_with_weights(description, {**state, "mean": model.mean, "std": model.std}).eval()
        label, shown = batch.labels[place : place + 1], made.crafted[place - 3 : place - 2]
        attacked = F.cross_entropy(plain(shown), label) if weight else 0
        expected.append(
            (1 - weight) * F.cross_entropy(plain(batch.pixels[place : place + 1]), label) + weight * attacked
        )
    torch.testing.assert_close(found.loss, torch.stack(expected).mean())
    assert found.eps_reached is not None
    assert found.eps_reached.item() == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("lambdas", "clean", "passes"), [([0, 0.5, 1], 3, 3 + 2 / 3 * (6 + 3)), ([0.2, 1], 0, 3 + 6 + 3)]
)
def test_images_at_lambda_0_are_those_that_cost_no_examples(lambdas: list[float], clean: int, passes: float) -> None:
    settings = OatSettings.model_validate({**OAT, "lambdas": lambdas})
    assert settings.count_clean(7) == clean
    assert settings.expected_passes == pytest.approx(passes), "two steps of the attack cost 6"


@pytest.mark.slow
def test_every_lambda_shares_one_training_and_is_a_column(tmp_path: Path) -> None:
    asked = [
        trial(dataset=FEW, train={**TRAIN, "objective": OAT}, condition=condition)
        for condition in ({"lambda": 0}, {"lambda": 0.3}, None)
    ]
    chains = [stages_of(each) for each in asked]
    assert [[stage.kind for stage in chain] for chain in chains] == [["train", "condition", "attack"]] * 3
    assert len({chain[0].key for chain in chains}) == 1
    rows = [make_failed_row(each, chain, "") for each, chain in zip(asked, chains, strict=True)]
    assert [(row["lambda"], row["objective"], row["eps_train"]) for row in rows] == [
        (weight, "oat", 0.1) for weight in (0, 0.3, 1)
    ]
    at = context(tmp_path)
    first, second = (run(each, at) for each in asked[:2])
    assert first[0]["key"] == second[0]["key"]
    plain = run(trial(dataset=FEW, train=TRAIN), at)
    one, two, other = (weights(records[place], at) for records, place in ((first, 1), (second, 1), (plain, 0)))
    assert one.keys() == two.keys() == other.keys()
    assert not torch.equal(one["network.bn1.weight"], two["network.bn1.weight"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lambdas": [0.5, 0.2]}, "ascend"),
        ({"lambdas": [0, 1.5]}, "ascend"),
        ({"lambdas": [1]}, "two or more"),
        ({"attack": {"name": "square", "eps": 0.1}}, "makes its examples by"),
        ({"weight_averaging": {"name": "swa"}}, "choose ema"),
    ],
)
def test_what_cannot_be_trained_so_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OatSettings.model_validate(OAT | changes)


def test_sections_that_do_not_take_lambda_are_refused_behind_one_that_does() -> None:
    trained = {**CONFIG, "train": {**TRAIN, "objective": OAT}, "prune": None, "adversarial_finetune": None}
    grid = {"grid_search": [{"lambda": 0}, {"lambda": 1}]}
    space = spaces.build("a", "a", {**trained, "finetune": None, "condition": grid})
    assert [each.condition and each.condition.weight for each in space.trials] == [0, 1]
    mixed = {**trained, "finetune": None, "train": {"grid_search": [TRAIN, trained["train"]]}, "condition": grid}
    found = spaces.build("a", "a", mixed).trials
    assert [each.condition and each.condition.weight for each in found] == [None, 0, 1], "plain training takes none"
    for content, message in (
        ({**trained, "prune": {"ratio": 0.5}}, "prune cannot follow it"),
        ({**trained, "finetune": TRAIN}, "finetune cannot follow it"),
        ({**CONFIG, "condition": grid}, "no section trains a network that takes lambda"),
    ):
        with pytest.raises(UsageError, match=message):
            spaces.build("a", "a", content)
    with pytest.raises(ValidationError, match="no section trains"):
        trial(condition={"lambda": 1})


def test_an_objective_that_takes_lambda_needs_a_network_that_does() -> None:
    batch = Batch(torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 2]), torch.arange(3))
    with pytest.raises(StageError, match="takes lambda"):
        build_oat(OatSettings.model_validate(OAT)).craft(nn.Flatten(), batch, make_draw())
