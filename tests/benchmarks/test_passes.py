"""Passes are counted by image, forward and backward, whoever asks the model."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.passes import count_passes


def test_images_forward_and_backward_are_counted_apart() -> None:
    model = nn.Linear(3, 2).requires_grad_(False)
    with count_passes(model) as passes:
        model(torch.zeros(4, 3))
        pixels = torch.zeros(5, 3, requires_grad=True)
        model(pixels).sum().backward()
    assert (passes.forward, passes.backward, passes.total) == (9, 5, 14)


def test_an_answer_that_is_differentiated_twice_costs_two_backward_passes() -> None:
    model = nn.Linear(3, 2)
    pixels = torch.zeros(5, 3, requires_grad=True)
    with count_passes(model) as passes:
        logits = model(pixels)
        torch.autograd.grad(logits[:, 0].sum(), pixels, retain_graph=True)
        torch.autograd.grad(logits[:, 1].sum(), pixels)
    assert (passes.forward, passes.backward) == (5, 10)


def test_a_model_that_is_named_twice_is_counted_once() -> None:
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    with count_passes(model, other, model) as passes:
        model(torch.zeros(4, 3))
        other(torch.zeros(1, 3))
    assert passes.forward == 5


def test_what_is_asked_afterwards_does_not_count() -> None:
    model = nn.Linear(3, 2)
    with count_passes(model) as passes:
        pass
    model(torch.zeros(4, 3)).sum().backward()
    assert passes.total == 0
