"""Adversarial training: the mix of two losses, and fixed sets of examples."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tasks.errors import StageError
from tasks.training.objectives.adversarial.objective import mix_losses
from tasks.training.objectives.adversarial.settings import AdversarialSettings
from tasks.training.objectives.step import Batch
from tests.support.small import context, run, trial, weights
from tests.support.training import (
    FGSM,
    TRAIN,
    linear,
    make_batch,
    make_draw,
)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.9, 1.0])
def test_the_loss_is_the_mix_of_clean_and_adversarial(weight: float) -> None:
    settings = AdversarialSettings.model_validate({"lambda": weight, "attack": {"name": "fgsm", "eps": 0.25}})
    model = linear(2.0)
    clean = torch.tensor(2 * 2.0 * 0.5).neg().exp().log1p()  # the attack lowers the pixel from 0.5 to 0.25
    hard = torch.tensor(2 * 2.0 * 0.25).neg().exp().log1p()
    loss = mix_losses(settings)(model, make_batch(), make_draw()).loss
    torch.testing.assert_close(loss, (1 - weight) * clean + weight * hard)
    assert model.training


def test_fixed_examples_are_looked_up_and_not_made_again() -> None:
    settings = AdversarialSettings.model_validate({"lambda": 1, "attack": FGSM, "fixed_examples": 8})
    fixed = torch.linspace(0, 1, 8).view(8, 1, 1, 1)
    chosen = Batch(make_batch(2).pixels, make_batch(2).labels, torch.tensor([7, 0]))
    loss = mix_losses(settings, fixed)(linear(2.0), chosen, make_draw()).loss
    expected = torch.tensor([4.0, 0.0]).neg().exp().log1p().mean()
    torch.testing.assert_close(loss, expected)


@pytest.mark.slow
def test_a_fixed_set_trains_on_so_many_images(tmp_path: Path) -> None:
    hardened = {**TRAIN, "batch_size": 10, "lambda": 1, "attack": FGSM, "fixed_examples": 40}
    records = run(trial(adversarial_finetune=hardened), context(tmp_path / "one"))
    again = run(trial(adversarial_finetune=hardened), context(tmp_path / "two"))
    keys = [record["key"] for record in records]
    assert keys == [record["key"] for record in again]
    one, two = (weights(found[1], context(tmp_path / at)) for found, at in ((records, "one"), (again, "two")))
    assert all(torch.equal(one[name], two[name]) for name in one)
    with pytest.raises(StageError, match="only 200 training images"):
        run(trial(adversarial_finetune={**hardened, "fixed_examples": 500}), context(tmp_path / "one"))


def test_accuracy_is_mixed_as_the_loss_is() -> None:
    """Right on every clean image, wrong on every example."""
    settings = AdversarialSettings.model_validate({"lambda": 0.3, "attack": {"name": "fgsm", "eps": 0.75}})
    shifted = nn.Linear(1, 2)
    shifted.weight.data, shifted.bias.data = torch.tensor([[1.0], [-1.0]]), torch.tensor([-0.25, 0.25])
    model = nn.Sequential(nn.Flatten(), shifted).train()
    assert mix_losses(settings)(model, make_batch(), make_draw()).accuracy.item() == pytest.approx(0.7)


def test_a_fixed_set_may_be_of_all_images(tmp_path: Path) -> None:
    few = {"name": "digits", "train_examples": 40}
    hardened = {**TRAIN, "lambda": 0.3, "attack": FGSM, "fixed_examples": 40}
    record = run(trial(dataset=few, train=None, adversarial_finetune=hardened), context(tmp_path))[0]
    assert record["metrics"]["epoch"] == 0
