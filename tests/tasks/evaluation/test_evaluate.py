"""The evaluator: batches of any size, several budgets of one run, and who is attacked and who judges."""

from __future__ import annotations

import copy
import logging
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.fast_model import freeze_copy
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps
from tasks.data.images import Images, convert_to_float
from tasks.evaluation import evaluate as evaluator
from tasks.evaluation.evaluate import Helpers, estimate_passes, evaluate, prepare_attacked
from tasks.evaluation.settings import AttackSettings
from tests.support.attack_models import HALF, Linear, craft, job_of, linear_images, network, network_images, settings


def test_a_batch_that_does_not_fit_in_memory_is_halved(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cell = settings(name="ifgsm", eps=0.05)
    (expected,) = evaluate(Linear(), linear_images(), [cell], 0, 0.5)
    craft = evaluator.craft

    def small(job: AttackJob, cell: AttackSettings) -> ExamplesBySteps:
        if len(job.labels) > 3:
            raise torch.OutOfMemoryError
        return craft(job, cell)

    monkeypatch.setattr(evaluator, "craft", small)
    with caplog.at_level(logging.WARNING):
        (found,) = evaluate(Linear(), linear_images(), [cell], 0, 0.5)
    assert found.table.equals(expected.table)
    assert [record.args for record in caplog.records] == [(6,), (3,)]


def test_one_run_of_a_minimal_attack_serves_every_budget() -> None:
    model, images = Linear(), linear_images()
    exact = model.distances(convert_to_float(images.pixels), "l2")
    budgets = [0.01, 0.05, 0.1, 0.2]
    cells = [settings(name="fab_t", norm="l2", eps=eps, steps=20) for eps in [*budgets, None]]
    assert len({str(cell.shared()) for cell in cells}) == 1
    found = [result.count_correct()["robust_correct"] for result in evaluate(model, images, cells, 0, 0.5)]
    assert found == [*(int((exact > eps * 1.001).sum()) for eps in budgets), 0]


@pytest.mark.slow
def test_examples_are_made_against_the_surrogate_and_judged_by_the_model() -> None:
    model, other = network(0), network(1)
    images = network_images(model)
    cell = settings(name="ifgsm", eps=0.1)
    (white,) = evaluate(model, images, [cell], 0, 0.5)
    (black,) = evaluate(model, images, [cell], 0, 0.5, surrogate=other)
    (same,) = evaluate(model, images, [cell.model_copy(update={"stop_when_fooled": False})], 0, 0.5, surrogate=model)
    assert black.count_correct()["robust_correct"] > white.count_correct()["robust_correct"]
    assert same.count_correct()["robust_correct"] <= white.count_correct()["robust_correct"] + 1


@pytest.mark.parametrize("name", ["ifgsm", "pgd"])
def test_a_transfer_attack_is_made_to_the_end(name: str) -> None:
    """Nobody tells the attacker whether the model is fooled, nor does its own model end the attack."""
    model = network()
    other, drawn = copy.deepcopy(model), torch.Generator().manual_seed(1)
    for weight in other.parameters():  # another one that sees much as it does
        weight.data += 0.3 * weight.std(correction=0).detach() * torch.randn(weight.shape, generator=drawn)
    images = network_images(model)
    stopping, to_the_end = (
        settings(name=name, eps=HALF["linf"], steps=10, stop_when_fooled=stop) for stop in (True, False)
    )
    found, expected = (evaluate(model, images, [cell], 0, 0.5, surrogate=other)[0] for cell in (stopping, to_the_end))
    assert found.table.equals(expected.table)
    assert not evaluate(other, images, [stopping], 0, 0.5)[0].table["linf"].equals(expected.table["linf"])


@pytest.mark.slow
def test_an_image_that_is_wrong_before_the_attack_is_not_robust() -> None:
    model = network()
    images = network_images(model)
    images.labels[:5] = (images.labels[:5] + 1) % 10
    few = {"ifgsm": {"steps": 5}, "fab_t": {"steps": 3, "targets": 2}}
    for cell in [settings(name=name, eps=eps, **raw) for name, raw in few.items() for eps in (0.0, 1e-6)]:
        found = evaluate(model, images, [cell], 0, 0.5)[0]
        assert found.count_correct() == {"examples": 24, "clean_correct": 19, "robust_correct": 19}
        assert found.table["robust"].to_pylist() == [False] * 5 + [True] * 19


def test_what_is_wrong_before_and_right_under_attack_is_not_robust(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image as it is lies in the ball. The attack makes two images alike, of which one is wrong to begin with."""
    model = network()
    images = network_images(model, 2)
    assert images.labels[0] != images.labels[1]
    images.labels[0] = images.labels[1]

    def show_the_second(job: AttackJob, cell: AttackSettings) -> ExamplesBySteps:
        return {cell.method.reported_steps: job.clean[[1, 1]]}

    monkeypatch.setattr(evaluator, "craft", show_the_second)
    (found,) = evaluate(model, images, [settings(name="fgsm", eps=1)], 0, 0.5)
    assert found.table["adversarial_prediction"].to_pylist() == found.table["label"].to_pylist()
    assert found.table["robust"].to_pylist() == [False, True]


class ByPixel(nn.Module):
    """Class 1 where the value at this place is bright, else class 0."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place

    def forward(self, pixels: Tensor) -> Tensor:
        score = pixels.flatten(1)[:, self.place] - 0.5
        return torch.stack([-score, score], 1)


@pytest.mark.parametrize("fooled", [False, True])
def test_an_unrestricted_example_counts_where_its_witness_is_right_before_and_after(
    fooled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of images of class 0 the model reads the first value and the witness the second."""
    was, is_now = [[0, 0, 1, 1]], [[0, 1, 0, 1]]
    second = torch.tensor(was).T
    images = Images(torch.cat([second * 0, second], 1).view(4, 1, 1, 2).byte() * 255, torch.zeros(4).long(), ("a", "b"))
    crafted = torch.cat([torch.full((4, 1), float(fooled)), torch.tensor(is_now).T], 1).view(4, 1, 1, 2)

    def show(job: AttackJob, cell: AttackSettings) -> ExamplesBySteps:
        return {cell.method.reported_steps: crafted[job.index]}

    monkeypatch.setattr(evaluator, "craft", show)
    cell = settings(name="diff_pgd_unrestricted", witness={"seed": 1, "model": {"name": "resnet8"}})
    table = evaluate(ByPixel(0), images, [cell], 0, 0.5, helpers=Helpers(witness=ByPixel(1)))[0].table
    assert [table["witness_clean_prediction"].to_pylist()] == was
    assert [table["witness_prediction"].to_pylist()] == is_now
    assert table["robust"].to_pylist() == [not fooled, True, True, True]


def test_what_is_wrong_before_stays_wrong_though_its_target_lies_beyond_the_budget() -> None:
    model = network()
    images = network_images(model, 6)
    images.labels[:4] = (images.labels[:4] + 3) % 10
    table = evaluate(model, images, [settings(name="jsma", targeted=True, gamma=0.5, eps=1)], 0, 0.5)[0].table
    assert min(table["l0"].to_pylist()) > 1
    assert table["robust"].to_pylist() == [False] * 4 + [True] * 2


def test_a_perturbation_beyond_the_budget_does_not_count() -> None:
    model, images = Linear(), linear_images()
    exact = model.distances(convert_to_float(images.pixels), "linf").sort().values
    eps = float(exact[4:6].mean())
    table = evaluate(model, images, [settings(name="fab_t", norm="linf", eps=eps, steps=20)], 0, 0.5)[0].table
    beyond = [size > eps for size in table["linf"].to_pylist()]
    assert table["robust"].to_pylist() == beyond
    assert sum(beyond) == 7
    changed = [
        a != b for a, b in zip(*(table[f"{k}_prediction"].to_pylist() for k in ("clean", "adversarial")), strict=True)
    ]
    assert all(changed), "the table shows what the attack has found, within the budget or not"


def test_examples_are_made_and_judged_in_evaluation_mode() -> None:
    model = copy.deepcopy(network())
    images = network_images(model)
    cell = settings(name="ifgsm", eps=HALF["linf"])
    expected = evaluate(model, images, [cell], 0, 0.5)[0].table
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert evaluate(model.train(), images, [cell], 0, 0.5)[0].table.equals(expected)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_table_says_what_the_model_answers() -> None:
    model = network()
    images = network_images(model)
    (found,) = evaluate(model, images, [settings(name="fgsm", eps=0.0)], 0, 0.5)
    with torch.no_grad():
        confidence, prediction = model(convert_to_float(images.pixels)).softmax(1).max(1)
    for kind in ("clean", "adversarial"):
        assert found.table[f"{kind}_prediction"].to_pylist() == prediction.tolist()
        torch.testing.assert_close(torch.tensor(found.table[f"{kind}_confidence"].to_pylist()), confidence)
    assert found.table["index"].to_pylist() == list(range(24))
    assert found.table["label"].to_pylist() == images.labels.tolist()
    assert {*found.table["target"].to_pylist()} == {None}


def test_confidence_is_that_before_and_that_after() -> None:
    model = network()
    images, cell = network_images(model, 6), settings(name="fgsm", eps=0.1)
    (found,) = evaluate(model, images, [cell], 0, 0.5)
    shown = {"clean": convert_to_float(images.pixels), "adversarial": craft(job_of(model, images, (1,)), cell)}
    for kind, pixels in shown.items():
        with torch.no_grad():
            confidence = model(pixels).softmax(1).amax(1)
        stored = torch.tensor(found.table[f"{kind}_confidence"].to_pylist())
        torch.testing.assert_close(stored, confidence, rtol=1e-3, atol=1e-3)


def test_gradients_have_the_precision_that_is_asked_for_and_verdicts_fp32() -> None:
    model = network()
    images = network_images(model)
    pixels = convert_to_float(images.pixels)
    for precision, exact in (("fp32", True), ("bf16", False)):
        attacked = prepare_attacked(model, images, settings(name="ifgsm", eps=0.1, precision=precision))
        assert attacked.is_prepared
        assert torch.allclose(attacked.judge(pixels), model(pixels), rtol=1e-4, atol=1e-4)
        assert torch.allclose(attacked(pixels), model(pixels), rtol=1e-4, atol=1e-4) is exact


@pytest.mark.parametrize(("examples", "method", "passes"), [
    (None, {"name": "fgsm", "eps": 0.1}, 3.0 * 24), (5, {"name": "fgsm", "eps": 0.1}, 3.0 * 5),
    (5, {"name": "ddn", "steps": 10}, 30.0 * 5), (5, {"name": "ifgsm", "eps": 0.1, "steps": 1}, math.inf),
])  # fmt: skip
def test_the_passes_of_an_attack_are_those_of_its_images_and_of_any_number_of_steps_that_it_shares(
    examples: int | None, method: dict[str, Any], passes: float
) -> None:
    assert estimate_passes(settings(examples=examples, **method), 24) == passes


def test_a_single_step_finds_the_same_on_a_plain_copy_as_on_a_folded_one() -> None:
    model = network()
    images, cell = network_images(model), settings(name="fgsm", eps=0.1)
    pixels = convert_to_float(images.pixels)
    plain, folded = freeze_copy(model), prepare_attacked(model, images, cell)
    assert folded.is_prepared
    assert not torch.equal(plain(pixels), folded(pixels))
    ways = (AttackedModel(plain, plain, plain), folded)
    found = [evaluate(model, images, [cell], 0, 0.5, attacked=attacked)[0].table for attacked in ways]
    for column in ("robust", "adversarial_prediction"):
        assert found[0][column].to_pylist() == found[1][column].to_pylist()
    for column in ("l2", "adversarial_confidence"):
        assert found[0][column].to_pylist() == pytest.approx(found[1][column].to_pylist(), rel=1e-3)
