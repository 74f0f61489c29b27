"""No attack may leave the ball, the pixel range or the finite numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tasks.attacks.engine.job import AttackJob, ExamplesBySteps
from tasks.attacks.gradient import craft as gradient_attacks
from tasks.errors import StageError
from tasks.evaluation.audit import audit_examples, find_outside_budget
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import Linear, linear_images, network, network_images, settings


def spoiled(change: Callable[[Tensor], Tensor]) -> Callable[[AttackJob, Any], ExamplesBySteps]:
    return lambda job, _: {count: change(job.clean) for count in job.step_counts}


FAULTS = [
    ("ball", lambda clean: (clean - 0.2).clamp(0, 1), "left the linf ball of 0.1 in 12 of 12 images"),
    ("range", lambda clean: clean + 0.7, r"left the pixel range \[0, 1\]"),
    ("nan", lambda clean: clean * torch.nan, "NaN"),
    ("shape", lambda clean: clean[:1], r"returned images of shape \[1, 1, 4, 4\], not \[12, 1, 4, 4\]"),
]


@pytest.mark.parametrize(("change", "words"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_the_audit_catches_an_attack_that_breaks_its_rules(
    change: Callable[[Tensor], Tensor], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradient_attacks, "craft_fgsm", spoiled(change))
    with pytest.raises(StageError, match=words):
        evaluate(Linear(), linear_images(), [settings(name="fgsm", eps=0.1)], 0, 0.5)


@pytest.mark.parametrize("returned", [None, {}, "images"])
def test_what_is_no_image_is_said_so(returned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_attacks, "craft_fgsm", lambda job, _: returned)  # noqa: ARG005
    with pytest.raises(StageError, match=r"fgsm returned \w+: images, or images for each of the step counts 1"):
        evaluate(Linear(), linear_images(), [settings(name="fgsm", eps=0.1)], 0, 0.5)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("element 0 of tensors does not require grad and does not have a grad_fn", r"^fgsm follows gradients, and the"),
        ("the size of tensor a must match", r"^the size of tensor a must match$"),
    ],
)
def test_a_model_without_a_gradient_is_told_what_to_do_and_another_error_is_told_as_it_is(
    said: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(said)

    monkeypatch.setattr(gradient_attacks, "craft_fgsm", fail)
    with pytest.raises((StageError, RuntimeError), match=message):
        evaluate(Linear(), linear_images(), [settings(name="fgsm", eps=0.1)], 0, 0.5)


def test_what_an_attack_does_to_its_images_in_place_is_judged_beside_the_true_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def brighten_in_place(job: AttackJob, _: Any) -> Tensor:
        job.labels.zero_()
        return job.clean.add_(0.9).clamp_(0, 1)

    monkeypatch.setattr(gradient_attacks, "craft_fgsm", brighten_in_place)
    with pytest.raises(StageError, match=r"left the linf ball of 0\.01"):
        evaluate(Linear(), linear_images(), [settings(name="fgsm", eps=0.01)], 0, 0.5)
    images = linear_images()
    table = evaluate(Linear(), images, [settings(name="fgsm", eps=1)], 0, 0.5)[0].table
    assert table["label"].to_pylist() == images.labels.tolist()
    assert max(table["linf"].to_pylist()) > 0.4


def empty_the_weights(job: AttackJob, _: Any) -> Tensor:
    """What ruins every model that it is given, and finds nothing."""
    for model in (job.model.gradient, job.model.judge, job.model.original):
        model(job.clean)
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.data.zero_()
        model.train()
    return job.clean


@pytest.mark.parametrize("batch_size", [8, 64])
@pytest.mark.parametrize("name", ["fgsm", "ifgsm"])
def test_what_an_attack_does_to_the_model_no_verdict_knows(
    name: str, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("craft_fgsm", "craft_pgd"):
        monkeypatch.setattr(gradient_attacks, kind, empty_the_weights)
    model = network()
    images, cell = network_images(model), settings(name=name, eps=0.1, batch_size=batch_size)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    for _ in range(2):
        table = evaluate(model, images, [cell], 0, 0.5)[0].table
        assert table["adversarial_prediction"].to_pylist() == images.labels.tolist()
        assert all(table["robust"].to_pylist())
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


def test_a_budget_in_normalised_units_is_audited_in_pixels() -> None:
    cell = settings(name="fgsm", eps=0.2, eps_space="normalized")
    sizes = evaluate(Linear(), linear_images(), [cell], 0, 0.25)[0].table["linf"].to_pylist()
    assert max(sizes) == pytest.approx(0.05, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "norm", "size"),
    [("fgsm", "linf", 0.3), ("fgsm", "l2", 0.19**0.5), ("sparse_l1", "l1", 0.7), ("jsma", "l0", 3.0)],
)
def test_sizes_are_compared_in_the_norm_of_the_attack(name: str, norm: str, size: float) -> None:
    delta = torch.zeros(2, 1, 2, 2)
    delta[1] = torch.tensor([[0.3, 0.1], [-0.3, 0.0]])

    def outside(eps: float | None, scale: float = 1.0) -> list[bool]:
        method = settings(name=name, norm=norm, eps=size).method.model_copy(update={"eps": eps})
        found: list[bool] = find_outside_budget(delta, method, scale).tolist()
        return found

    assert outside(size) == outside(size * 0.999995) == [False, False]
    assert outside(size * 0.999) == [False, True]
    assert outside(size * 2, 0.49) == [False, True]
    assert outside(size * 2, 0.51) == [False, False]


def test_without_a_budget_nothing_is_outside() -> None:
    method = settings(name="deepfool", eps=None).method
    assert find_outside_budget(torch.ones(3, 1, 2, 2), method, 1.0).tolist() == [False] * 3


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_pixels_that_are_no_numbers_are_said_to_be_none(value: float) -> None:
    clean = torch.full((2, 1, 2, 2), 0.5)
    broken = clean.clone()
    broken[1, 0, 1, 1] = value
    with pytest.raises(StageError, match="returned NaN or infinite pixels"):
        audit_examples(clean, broken, settings(name="deepfool").method, 1.0)
