"""Randomized smoothing of a linear classifier, whose radius is the distance from its hyperplane."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.certificates.job import ABSTAINED
from tasks.data.images import Images, convert_to_float
from tests.support.attack_models import SIDE, Linear
from tests.support.certificates import certify_batch

SMOOTHING: dict[str, Any] = {"name": "randomized_smoothing", "sigma": 0.25, "samples": 4000}


def spread_images(count: int = 12) -> Images:
    """Images at all distances from the hyperplane, labelled as the linear model says."""
    pixels = torch.randint(0, 256, (count, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(5))
    pixels = pixels.to(torch.uint8)
    return Images(pixels, Linear()(convert_to_float(pixels)).argmax(1), tuple("abcd"))


def distances(model: Linear, images: Images) -> Tensor:
    return model.distances(convert_to_float(images.pixels), "l2").double()


def test_the_radius_of_a_linear_model_is_its_distance() -> None:
    """Under noise of any size it says its class with probability Phi(distance / sigma)."""
    model, images = Linear(), spread_images()
    (found,) = certify_batch(model, images, 0.0, **SMOOTHING)
    exact = distances(model, images)
    known = found.classes.ne(ABSTAINED)
    assert torch.equal(found.classes[known], images.labels[known])
    assert (found.radius <= exact).all(), "a lower bound"
    near = known & (exact < 0.6)  # beyond, so many samples hardly tell one probability from another
    assert near.sum() >= 5
    torch.testing.assert_close(found.radius[near], exact[near], rtol=0, atol=0.06)
    assert exact[~known].lt(0.05).all(), "it abstains near the hyperplane alone"


def test_more_budget_certifies_less_and_nothing_beyond_the_radius() -> None:
    found = certify_batch(Linear(), spread_images(), 0.0, 0.1, 0.3, **SMOOTHING)
    for each, eps in zip(found, (0.0, 0.1, 0.3), strict=True):
        assert torch.equal(each.certified, each.radius > eps)
    counts = [int(each.certified.sum()) for each in found]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] > 0


def test_anytime_sampling_takes_a_tenth_for_clear_images_and_certifies_the_same() -> None:
    model, images, eps = Linear(), spread_images(10), 0.1
    settings = {**SMOOTHING, "samples": 20_000}
    (fixed,) = certify_batch(model, images, eps, **settings)
    (early,) = certify_batch(model, images, eps, **settings, sampling="anytime")
    assert fixed.samples is not None
    assert early.samples is not None
    assert fixed.samples.eq(20_100).all()
    clear = distances(model, images).sub(eps).abs() > 0.15
    assert clear.sum() >= 4
    assert (10 * early.samples[clear] <= fixed.samples[clear]).all()
    assert torch.equal(early.certified[clear], fixed.certified[clear])
    assert (early.radius <= distances(model, images)).all()


def test_each_budget_is_as_if_it_stood_alone() -> None:
    settings = {**SMOOTHING, "sampling": "anytime"}
    together = certify_batch(Linear(), spread_images(), 0.0, 0.2, **settings)
    for found, eps in zip(together, (0.0, 0.2), strict=True):
        (alone,) = certify_batch(Linear(), spread_images(), eps, **settings)
        assert torch.equal(found.radius, alone.radius)
        assert found.samples is not None
        assert alone.samples is not None
        assert torch.equal(found.samples, alone.samples)


@pytest.mark.parametrize("sampling", ["fixed", "anytime"])
def test_nothing_depends_on_the_batch(sampling: str) -> None:
    images, settings = spread_images(8), {**SMOOTHING, "samples": 330, "sampling": sampling}
    (whole,) = certify_batch(Linear(), images, 0.1, **settings)
    (again,) = certify_batch(Linear(), images, 0.1, batch_size=7, **settings)
    half = Images(images.pixels[5:], images.labels[5:], images.classes)
    (part,) = certify_batch(Linear(), half, 0.1, first=5, **settings)
    for name in ("classes", "radius", "certified", "samples"):
        assert torch.equal(getattr(whole, name), getattr(again, name))
        assert torch.equal(getattr(whole, name)[5:], getattr(part, name))


def test_it_abstains_where_no_class_is_likelier_than_all_others() -> None:
    class Undecided(nn.Module):
        """Says the class by a coin: the sign of a pixel's noise."""

        def forward(self, pixels: Tensor) -> Tensor:
            side = pixels.flatten(1)[:, 0] - 0.5
            return torch.stack([side, -side], 1)

    images = Images(torch.full((4, 1, 2, 2), 127, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64), ("a", "b"))
    (found,) = certify_batch(Undecided(), images, 0.0, **{**SMOOTHING, "samples": 200})
    assert found.classes.eq(ABSTAINED).all()
    assert found.radius.eq(0).all()
    assert not found.certified.any()


def test_every_look_has_noise_of_its_own() -> None:
    """Two equal images, each seen three times to choose its class and four times to count."""
    seen: list[Tensor] = []

    class Recording(Linear):
        def forward(self, pixels: Tensor) -> Tensor:
            seen.append(pixels.flatten(1))
            return super().forward(pixels)

    images = Images(torch.full((2, 1, SIDE, SIDE), 127, dtype=torch.uint8), torch.zeros(2).long(), tuple("abcd"))
    certify_batch(Recording(), images, 0.0, **{**SMOOTHING, "samples": 4, "selection_samples": 3})
    assert len(torch.cat(seen)) == 2 * (3 + 4)
    assert len(torch.cat(seen).unique(dim=0)) == 2 * (3 + 4)


def test_it_is_settled_which_class_it_is_before_a_budget_that_is_out_of_reach_ends_the_search() -> None:
    class Threshold(nn.Module):
        """Says class a of this image with probability Phi(0.041 / 0.25) = 0.57."""

        def forward(self, pixels: Tensor) -> Tensor:
            side = pixels.flatten(1)[:, 0] - 0.5
            return torch.stack([side, -side], 1)

    images = Images(torch.full((3, 1, 2, 2), 138, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), ("a", "b"))
    (found,) = certify_batch(Threshold(), images, 0.3, **SMOOTHING, selection_samples=1000, sampling="anytime")
    assert found.classes.eq(0).all()
    assert not found.certified.any()
