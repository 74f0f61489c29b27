"""JSMA takes every step of the paper, and as few values as possible."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.fast_model import freeze_copy
from tasks.attacks.engine.job import AttackJob, load_attack
from tasks.data.images import Images, convert_to_float
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import Linear, craft, job_of, linear_images, network, network_images, settings


def papernot(model: nn.Module, clean: Tensor, target: int, gamma: float, theta: float = 1.0) -> Tensor:
    """Algorithm 2 of Papernot et al. 2016 for one image [C, H, W]: the whole Jacobian and every pair."""
    pixels, up = clean.flatten().clone(), 1 if theta > 0 else -1
    for _ in range(-(-round(len(pixels) * gamma) // 2)):
        search = ((pixels < 0.99) if up > 0 else (pixels > 0.01)).nonzero()[:, 0].tolist()
        if int(model(pixels.view(1, *clean.shape)).argmax()) == target or len(search) < 2:
            break
        jacobian = torch.autograd.functional.jacobian(lambda x: model(x.view(1, *clean.shape))[0], pixels)
        rises, others = jacobian[target].tolist(), (jacobian.sum(0) - jacobian[target]).tolist()
        best, pair = 0.0, None
        for p, q in itertools.combinations(search, 2):
            alpha, beta = up * (rises[p] + rises[q]), up * (others[p] + others[q])
            if alpha > 0 > beta and -alpha * beta > best:
                best, pair = -alpha * beta, (p, q)
        if pair is None:
            break
        pixels[list(pair)] = (pixels[list(pair)] + theta).clamp(0, 1)
    return pixels.view(clean.shape)


@pytest.mark.slow
@pytest.mark.parametrize("theta", [1.0, -1.0, 0.6])
def test_targeted_jsma_takes_every_step_of_the_paper(theta: float) -> None:
    model = network()
    images = network_images(model, 6)
    plain, clean = freeze_copy(model), convert_to_float(images.pixels)
    targets = (images.labels + 1) % 10
    for gamma in (0.05, 0.2, 0.5):  # the beginnings of one walk, and its end
        method = settings(name="jsma", targeted=True, gamma=gamma, theta=theta).method
        job = job_of(model, images, (1,))
        found = load_attack(method)(
            AttackJob(job.model, clean, images.labels, (1,), job.index, target_classes=targets), method
        )[1]
        expected = torch.stack(
            [papernot(plain, image, int(t), gamma, theta) for image, t in zip(clean, targets, strict=True)]
        )
        with torch.no_grad():
            says = plain(expected).argmax(1)
        kept = says.eq(targets) | says.ne(images.labels)  # what fools nobody is given back as it was
        torch.testing.assert_close(found, torch.where(kept.view(-1, 1, 1, 1), expected, clean), rtol=0, atol=1e-6)
    assert says.eq(targets).sum() > 1


def test_untargeted_jsma_sets_the_two_values_that_lower_the_margin_most() -> None:
    model, images = Linear(), linear_images(4)
    method = settings(name="jsma", gamma=1.0).method
    job = job_of(model, images, (1,))
    found = load_attack(method)(job, method)[1].flatten(1)
    flat = convert_to_float(images.pixels).flatten(1)
    for image, after in zip(flat, found, strict=True):
        push = model.weight.detach() * (1 if (image * model.weight).sum() < model.offset else -1)
        bound = (push > 0).float()
        order = (push * (bound - image)).argsort(descending=True).tolist()
        expected = image.clone()
        while model(expected.view(1, 1, 4, 4)).argmax() == model(image.view(1, 1, 4, 4)).argmax():
            two, order = order[:2], order[2:]
            expected[two] = bound[two]
        assert torch.equal(after, expected)


def test_jsma_changes_as_few_values_as_possible() -> None:
    model, images = Linear(), linear_images()
    cell = settings(name="jsma", gamma=1.0, values_per_step=1)
    (found,) = evaluate(model, images, [cell], 0, 0.5)
    assert found.table["l0"].to_pylist() == model.fewest(convert_to_float(images.pixels)).tolist()


class Ridge(nn.Module):
    """Class 0 until all four values are white; the first of them repels once it is, and would be taken back."""

    def forward(self, pixels: Tensor) -> Tensor:
        first, *others = pixels.flatten(1).unbind(1)
        score = 2 * first - 3 * first.square() + sum(others) - 1.5
        return torch.stack([-score, score], 1)


def test_a_value_is_changed_once() -> None:
    images = Images(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64), ("a", "b"))
    job = job_of(Ridge(), images, (1,))
    found = craft(job, settings(name="jsma", gamma=1.0, values_per_step=1))
    assert found.flatten().tolist() == [1.0, 1.0, 1.0, 1.0]
