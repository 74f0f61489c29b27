"""Schedules, fixed adversarial sets, ensembles of surrogates, guards and the choice of the best epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from tasks.errors import StageError
from tasks.stages.run import run_chain
from tasks.training.guards import find_best_epoch, find_collapsed_epoch, summarize_training
from tasks.training.objectives import Batch, StepOutcome, compute_standard_loss, make_adversarial, with_ensemble
from tasks.training.schedules import OneCycleSettings, SlowStartFastDecaySettings
from tasks.training.settings import AdversarialFinetuneSettings, EnsembleSettings
from tasks.trial.chain import list_own_stages
from tasks.trial.row import make_finished_row
from tests.support.small import SGD, context, run, stages_of, trial, weights

FGSM = {"name": "fgsm", "eps": 0.1}
HELD_OUT = {"name": "digits", "train_examples": 200, "split": {"validation": 0.25}}
TRAIN = {"epochs": 1, "batch_size": 50, "optimizer": SGD}


def factors(schedule: Any, steps: int = 100) -> list[float]:
    return [schedule.factor(step, 10, steps // 10) for step in range(steps)]


def test_one_cycle_rises_and_falls_in_straight_lines() -> None:
    found = factors(OneCycleSettings(peak=0.4))
    assert found.index(max(found)) in (39, 40)
    assert found[0] == pytest.approx(0.005 / 0.4)
    assert found[-1] == pytest.approx(0.005 / 0.6)
    assert found[20] - found[19] == pytest.approx(found[30] - found[29])


def test_slow_start_rises_slowly_and_decays_fast() -> None:
    found = factors(SlowStartFastDecaySettings(start=0.1, peak=0.5, end=0.01))
    assert found[0] == pytest.approx(0.1, abs=1e-3)
    assert max(found) == pytest.approx(1, abs=0.05)
    assert found[25] < 0.4, "half of the way up, less than half of the rate"
    assert found[75] == pytest.approx(0.1, rel=0.1), "half of the way down, a tenth of the rate"
    assert found[:50] == sorted(found[:50])


def linear(scale: float) -> nn.Module:
    """A model whose loss is known: two classes, logits (s x, -s x) of a single pixel."""
    layer = nn.Linear(1, 2, bias=False)
    layer.weight.data = torch.tensor([[scale], [-scale]])
    return nn.Sequential(nn.Flatten(), layer).train()


def batch(count: int = 8) -> Batch:
    return Batch(torch.full((count, 1, 1, 1), 0.5), torch.zeros(count, dtype=torch.int64), torch.arange(count))


def draw() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_the_loss_is_the_mix_of_clean_and_adversarial(weight: float) -> None:
    settings = AdversarialFinetuneSettings.model_validate(
        {"lambda": weight, "attack": {"name": "fgsm", "eps": 0.25}, "epochs": 1, "optimizer": SGD}
    )
    model = linear(2.0)
    clean = torch.tensor(2 * 2.0 * 0.5).neg().exp().log1p()  # the attack lowers the pixel from 0.5 to 0.25
    hard = torch.tensor(2 * 2.0 * 0.25).neg().exp().log1p()
    loss = make_adversarial(settings)(model, batch(), draw()).loss
    torch.testing.assert_close(loss, (1 - weight) * clean + weight * hard)
    assert model.training


def test_fixed_examples_are_looked_up_and_not_made_again() -> None:
    settings = AdversarialFinetuneSettings.model_validate(
        {"lambda": 1, "attack": FGSM, "epochs": 1, "optimizer": SGD, "fixed_examples": 8}
    )
    fixed = torch.linspace(0, 1, 8).view(8, 1, 1, 1)
    chosen = Batch(batch(2).pixels, batch(2).labels, torch.tensor([7, 0]))
    loss = make_adversarial(settings, fixed)(linear(2.0), chosen, draw()).loss
    expected = torch.tensor([4.0, 0.0]).neg().exp().log1p().mean()
    torch.testing.assert_close(loss, expected)


def test_an_ensemble_replaces_its_share_with_examples_of_the_surrogate() -> None:
    settings = EnsembleSettings.model_validate(
        {"share": 0.25, "attack": {"name": "fgsm", "eps": 0.25}, "surrogates": [{"model": {"name": "resnet8"}}]}
    )
    seen: list[Tensor] = []

    def inner(model: nn.Module, given: Batch, numbers: torch.Generator) -> StepOutcome:
        seen.append(given.pixels.flatten())
        return compute_standard_loss(model, given, numbers)

    objective = with_ensemble(inner, settings, [linear(-1.0)])  # the surrogate is fooled by a brighter pixel
    objective(linear(2.0), batch(8), draw())
    assert seen[0].tolist() == [0.75, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]


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


def ensemble(**fields: Any) -> dict[str, Any]:
    surrogate = {"model": {"name": "resnet8"}, "train": {**TRAIN, "epochs": 2}}
    return {**TRAIN, "ensemble": {"share": 0.5, "attack": FGSM, "surrogates": [surrogate], **fields}}


def test_surrogates_are_stages_that_trials_share(tmp_path: Path) -> None:
    asked = trial(train=ensemble())
    stages = stages_of(asked)
    assert [stage.kind for stage in stages] == ["train", "train", "attack"]
    assert stages[1].upstream == {"surrogate_0": stages[0].key}
    assert stages[0].key == stages_of(trial(train={**TRAIN, "epochs": 2}))[0].key
    assert stages[1].key != stages_of(trial())[0].key
    assert list_own_stages(stages) == list(stages[1:])
    at = context(tmp_path)
    row = make_finished_row(asked, stages, run_chain(stages, at))
    assert row["train_key"] == stages[1].key
    assert row["status"] == "finished"


def test_another_model_in_the_ensemble_is_another_stage() -> None:
    others = [stages_of(trial(train=ensemble(**fields)))[-1].key for fields in ({}, {"include_self": True})]
    assert others[0] != others[1]
    plain = [stages_of(trial(train=ensemble(attack={"name": "fgsm", "eps": 0})))[0].key, stages_of(trial())[0].key]
    assert plain[0] == plain[1], "examples without a budget are images as they are"


def test_robust_validation_stands_in_the_history(tmp_path: Path) -> None:
    guarded = {**TRAIN, "epochs": 2, "validation_attack": {"name": "ifgsm", "eps": 0.1, "steps": 2}}
    (record, _) = run(trial(dataset=HELD_OUT, train=guarded), context(tmp_path))
    rows = pq.read_table(tmp_path / "stages" / record["key"] / "history.parquet").to_pylist()
    assert all(0 <= row["robust_validation_accuracy"] <= row["validation_accuracy"] for row in rows)
    assert record["metrics"]["catastrophic_overfitting_epoch"] is None


def history(*robust: float | None) -> list[dict[str, Any]]:
    return [
        {"epoch": epoch, "robust_validation_accuracy": value, "validation_accuracy": 0.1 * epoch, "validation_loss": 1}
        for epoch, value in enumerate(robust)
    ]


@pytest.mark.parametrize(
    ("robust", "expected"),
    [
        ((0.2, 0.4, 0.45, 0.05), 3),
        ((0.2, 0.4, 0.3, 0.25), None),
        ((0.02, 0.0), None),
        ((None, None), None),
        ((0.5, 0.1, 0.5), 1),
    ],
)
def test_catastrophic_overfitting_is_a_sudden_fall(robust: tuple[float | None, ...], expected: int | None) -> None:
    assert find_collapsed_epoch(history(*robust)) == expected


def test_the_best_epoch_follows_the_policy() -> None:
    found = history(0.2, 0.5, 0.5)
    assert find_best_epoch(found, "last") == 2
    assert find_best_epoch(found, "best_robust_accuracy") == 1
    assert find_best_epoch(found, "best_accuracy") == 2
    assert find_best_epoch(found, "best_loss") == 0
    assert summarize_training(found, "best_robust_accuracy")["epoch"] == 1


def test_the_weights_of_the_best_epoch_are_published(tmp_path: Path) -> None:
    wild = {"name": "multistep", "milestones": [1], "gamma": 1000.0}
    spoiled = {**TRAIN, "epochs": 2, "optimizer": {"name": "sgd", "lr": 0.05}, "schedule": wild}
    at = context(tmp_path)
    kept = run(trial(dataset=HELD_OUT, train={**spoiled, "keep": "best_loss"}), at)[0]
    first = run(trial(dataset=HELD_OUT, train={**spoiled, "epochs": 1}), at)[0]
    assert kept["metrics"]["epoch"] == 0
    one, two = weights(kept, at), weights(first, at)
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"keep": "best_loss"}, r"train\.keep: best_loss needs dataset\.split\.validation"),
        ({"validation_attack": FGSM}, r"train\.validation_attack needs dataset\.split\.validation"),
        ({"keep": "best_robust_accuracy"}, r"train\.keep: best_robust_accuracy needs validation_attack"),
    ],
)
def test_a_choice_without_a_validation_part_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        trial(train={**TRAIN, **fields})


def test_a_transfer_attack_builds_on_its_surrogate(tmp_path: Path) -> None:
    surrogate = {"model": {"name": "resnet8"}, "train": {**TRAIN, "epochs": 2}}
    asked = trial(attack={"name": "fgsm", "eps": 0.1, "examples": 50, "surrogate": surrogate})
    stages = stages_of(asked)
    assert [stage.kind for stage in stages] == ["train", "train", "attack"]
    assert stages[2].upstream == {"model": stages[1].key, "surrogate_0": stages[0].key}
    row = make_finished_row(asked, stages, run_chain(stages, context(tmp_path)))
    assert row["attack_surrogate"] == "resnet8"
    assert row["train_key"] == stages[1].key
    own = trial(attack={"name": "fgsm", "eps": 0, "examples": 50, "surrogate": surrogate})
    assert len(stages_of(own)) == 2, "without a budget nothing is made against anything"
