"""Draws follow from an image and a purpose, and from nothing else."""

from __future__ import annotations

import torch

from tests.support.drawn import drawn_images, make_draws


def test_an_image_draws_the_same_whatever_the_batch() -> None:
    pixels = drawn_images(5)
    whole = make_draws(pixels)
    uniform, normal = whole.draw_uniform(3), whole.draw_normal()
    for place in range(5):
        alone = make_draws(pixels[place : place + 1])
        assert torch.equal(alone.draw_uniform(3)[0], uniform[place])
        assert torch.equal(alone.draw_normal()[0], normal[place])


def test_another_image_or_purpose_draws_anew() -> None:
    pixels = drawn_images(2)
    first = make_draws(pixels).draw_uniform(4)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(make_draws(pixels, "other").draw_uniform(4), first)
    assert not torch.equal(make_draws(pixels + 1e-4).draw_uniform(4), first)
    assert torch.equal(make_draws(pixels.to(memory_format=torch.channels_last)).draw_uniform(4), first)


def test_what_an_image_draws_stays_as_results_were_computed_with_it() -> None:
    """Other numbers would be another outcome under the same key."""
    grey = torch.full((1, 1, 2, 2), 0.5)
    uniform, normal = make_draws(grey, "look").draw_uniform(3), make_draws(grey, "look").draw_normal()
    torch.testing.assert_close(uniform, torch.tensor([[0.1879, 0.0867, 0.3012]]), rtol=0, atol=1e-4)
    expected = torch.tensor([[[[-1.0264, -0.0225], [-0.1008, -0.8557]]]])
    torch.testing.assert_close(normal, expected, rtol=0, atol=1e-4)
