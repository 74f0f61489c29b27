"""A model behind transformations: its answers, and the gradient that an adaptive attack follows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tasks.transformations.defended_model import DefendedModel
from tasks.transformations.registry import TRANSFORMATIONS
from tasks.transformations.settings import InferenceSettings
from tests.support.drawn import drawn_images


class Sums(nn.Module):
    """Two logits: the sum of the pixels, and the sum of their squares."""

    def forward(self, pixels: Tensor) -> Tensor:
        flat = pixels.flatten(1)
        return torch.stack([flat.sum(1), flat.square().sum(1)], 1)


def behind(*names: str, samples: int = 1, purpose: str = "judge", images: Tensor | None = None) -> DefendedModel:
    cheap = {"total_variation": {"iterations": 3}, "quilting": {"database": 50}}
    sections = [{"name": name, **cheap.get(name, {})} for name in names]
    settings = InferenceSettings.model_validate({"transformations": sections})
    training = drawn_images() if images is None else images
    return DefendedModel(Sums(), settings, 0, purpose, samples=samples, training=lambda: training)


def test_a_step_is_the_identity_on_the_way_back_and_itself_on_the_way() -> None:
    pixels = drawn_images().requires_grad_(True)
    logits = behind("bit_depth")(pixels)
    rounded = (pixels.detach() * 7).round() / 7
    assert torch.equal(logits, Sums()(rounded))
    logits[:, 1].sum().backward()
    torch.testing.assert_close(pixels.grad, 2 * rounded)


def test_what_is_random_is_averaged_over_looks() -> None:
    pixels = drawn_images(2)
    noise = behind("noise", samples=400)(pixels)
    expected = Sums()(pixels) + torch.tensor([0.0, 0.1**2]) * pixels[0].numel()
    torch.testing.assert_close(noise, expected, rtol=0.02, atol=0)
    assert not torch.equal(behind("noise")(pixels), behind("noise", purpose="attack")(pixels))
    assert torch.equal(behind("noise")(pixels), behind("noise")(pixels))


def test_what_is_not_random_is_looked_at_once() -> None:
    assert behind("jpeg", "bit_depth", samples=9).samples == 1
    assert behind("jpeg", "noise", samples=9).samples == 9


def test_transformations_follow_each_other_in_their_order() -> None:
    pixels = drawn_images()
    once, twice = behind("bit_depth")(pixels), behind("noise", "bit_depth")(pixels)
    assert not torch.equal(once, twice)
    steps = torch.unique((behind("noise", "bit_depth")._transform(pixels, 0) * 7).round())
    assert len(steps) <= 8, "rounded last"


@pytest.mark.parametrize("name", sorted(TRANSFORMATIONS))
def test_every_transformation_keeps_shape_range_and_order(name: str) -> None:
    pixels = drawn_images(5)
    model = behind(name)
    whole = model._transform(pixels, 0)
    assert whole.shape == pixels.shape
    alone = torch.cat([model._transform(pixels[place : place + 1], 0) for place in range(5)])
    torch.testing.assert_close(whole, alone, rtol=0, atol=1e-5)
    if name != "noise":
        assert whole.min() >= 0
        assert whole.max() <= 1
    varied = pixels.clone().requires_grad_(True)
    model(varied).sum().backward()
    assert varied.grad is not None
    assert varied.grad.isfinite().all()
    assert (varied.grad != 0).any()


class Side(nn.Module):
    """Says the first class by far where the first pixel is above one half, else the second by little."""

    def forward(self, pixels: Tensor) -> Tensor:
        above = pixels.flatten(1)[:, :1] > 0.5
        return torch.where(above, torch.tensor([10.0, 0.0]), torch.tensor([0.0, 1.0]))


def test_a_vote_counts_looks_and_an_attack_follows_their_mean_probability() -> None:
    """A pixel at 0.5 less 0.2 sigma: 42 % of looks say the first class, each of them as surely as can be."""
    settings = InferenceSettings.model_validate(
        {"transformations": [{"name": "noise", "sigma": 0.1}], "answer": "vote"}
    )
    pixels = torch.full((3, 1, 2, 2), 0.48) + torch.arange(3).view(3, 1, 1, 1) * 1e-4
    vote, mean = (DefendedModel(Side(), settings, 0, name, samples=300)(pixels) for name in ("judge", "attack"))
    shares = vote.softmax(1)[:, 0]
    torch.testing.assert_close(shares, torch.full((3,), 0.42), rtol=0, atol=0.1)
    counts = shares * 301 - 0.5
    torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-3)
    assert vote.argmax(1).eq(1).all()
    assert mean.argmax(1).eq(0).all() == (mean.softmax(1)[:, 0] > 0.5).all()
    torch.testing.assert_close(mean.exp().sum(1), torch.ones(3))
    expected = 0.42 * torch.sigmoid(torch.tensor(10.0)) + 0.58 * torch.sigmoid(torch.tensor(-1.0))
    torch.testing.assert_close(mean.softmax(1)[:, 0], expected.expand(3), rtol=0, atol=0.1)


def test_the_answer_is_in_the_label_and_in_the_key_only_where_it_is_a_vote() -> None:
    noise = {"transformations": [{"name": "noise"}], "samples": 4}
    mean, vote = (InferenceSettings.model_validate({**noise, "answer": answer}) for answer in ("mean", "vote"))
    assert (mean.label, vote.label) == ("noise x4", "noise by vote x4")
    assert "answer" not in mean.canonical()
    assert vote.canonical()["answer"] == "vote"
