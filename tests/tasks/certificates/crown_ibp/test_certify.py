"""CROWN on interval bounds: exact for a linear model, as written out for one hidden layer, and sound for any other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tasks.certificates.crown_ibp.certify import bound_tighter_margins
from tasks.certificates.interval_bounds.propagate import bound_margins, make_box, trace_network
from tasks.data.images import convert_to_float
from tests.support.attack_models import network, network_images
from tests.support.bounds import bound_backward, compute_crown_margins, make_hidden_network
from tests.support.certificates import certify_batch
from tests.support.formulas import flatten, make_images, make_softmax
from tests.tasks.certificates.interval_bounds.test_certify import Every

EPS = 0.1


def test_of_a_linear_model_the_bound_is_the_worst_corner() -> None:
    (model, formula), batch = make_softmax(), make_images()
    labels = batch.labels.numpy()
    logits = formula.logits(flatten(batch.pixels))
    fall = EPS * np.abs(formula.weight[labels][:, None] - formula.weight[None]).sum(2)
    exact = logits[np.arange(len(labels)), labels][:, None] - logits - fall
    found = bound_backward(model, batch.pixels, batch.labels, EPS)
    torch.testing.assert_close(found, torch.from_numpy(exact))


class Branches(nn.Module):
    """Linear, though its values go two ways: the difference of what two layers make of a third, and that again."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.first, self.flatten = nn.Linear(6, 6).double(), nn.Flatten()
        (self.one,) = (part for part in model.modules() if isinstance(part, nn.Linear))
        self.other = nn.Linear(6, 3).double()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        values = self.first(self.flatten(pixels))
        logits: torch.Tensor = self.one(values) - self.other(values) + self.one(values)
        return logits


def test_where_values_go_several_ways_the_bound_is_still_the_worst_corner() -> None:
    torch.manual_seed(0)
    (softmax, _), batch = make_softmax(), make_images()
    model = Branches(softmax)
    pixels = batch.pixels.clone().requires_grad_()
    logits = model(pixels)
    margins = logits.gather(1, batch.labels[:, None]) - logits
    slopes = [torch.autograd.grad(column.sum(), pixels, retain_graph=True)[0] for column in margins.unbind(1)]
    fall = EPS * torch.stack([slope.flatten(1).abs().sum(1) for slope in slopes], 1)
    torch.testing.assert_close(bound_backward(model, batch.pixels, batch.labels, EPS), (margins - fall).detach())


def test_of_one_hidden_layer_the_bound_is_as_written_out_and_tighter_than_intervals() -> None:
    model, batch = make_hidden_network(), make_images()
    found = bound_backward(model, batch.pixels, batch.labels, EPS)
    written = compute_crown_margins(model, batch.pixels, batch.labels, EPS)
    torch.testing.assert_close(found, torch.from_numpy(written))
    intervals = bound_margins(trace_network(model), make_box(batch.pixels, EPS), batch.labels)[1]
    others = found.scatter(1, batch.labels[:, None], torch.inf)
    assert others.isfinite().logical_and(found > intervals + 1e-3).any()


def test_where_the_line_below_a_relu_loses_more_the_interval_counts() -> None:
    """A pixel of [0, 1] minus 0.4, behind a ReLU: its interval begins at 0, and the line through 0 at -0.4."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2)).double()
    for name, value in (("1.weight", 1.0), ("1.bias", -0.4), ("3.weight", 0.0), ("3.bias", 0.0)):
        model.get_parameter(name).data.fill_(value)
    model.get_parameter("3.weight").data[0] = 1.0
    pixels, labels = torch.full((1, 1, 1, 1), 0.5).double(), torch.tensor([0])
    torch.testing.assert_close(bound_backward(model, pixels, labels, 0.5), torch.tensor([[0.0, -0.4]]).double())
    tighter = bound_tighter_margins(trace_network(model), make_box(pixels, 0.5), labels)
    torch.testing.assert_close(tighter, torch.zeros(1, 2).double())


@pytest.mark.parametrize("training", [False, True])
def test_no_image_of_the_box_lies_below_the_bounds_and_the_tighter_one_counts(training: bool) -> None:
    torch.manual_seed(0)
    model = Every()
    model(torch.rand(20, 1, 8, 8))
    model.eval().double()
    pixels, labels = torch.rand(6, 1, 8, 8).double(), torch.tensor([0, 1, 2, 0, 1, 2])
    graph, start = trace_network(model), make_box(pixels, 0.05)
    with torch.set_grad_enabled(training):
        margins, intervals = bound_tighter_margins(graph, start, labels), bound_margins(graph, start, labels)[1]
    assert margins.requires_grad is training
    assert (margins >= intervals).all()
    assert (margins > intervals + 1e-3).any()
    for _ in range(40):
        found = model((pixels + 0.05 * (torch.randint(0, 2, pixels.shape) * 2 - 1)).clamp(0, 1))
        assert (found.gather(1, labels[:, None]) - found >= margins - 1e-9).all()


def test_a_residual_network_is_certified_further_than_by_intervals_and_not_beyond_an_attack() -> None:
    model = network()
    images = network_images(model, 3)
    budget = 5e-5
    (found,) = certify_batch(model, images, budget, name="crown_ibp")
    (intervals,) = certify_batch(model, images, budget, name="interval_bounds")
    assert (found.radius >= intervals.radius).all()
    assert (found.radius > intervals.radius).any()
    assert torch.equal(found.certified, found.radius >= budget)
    pixels = convert_to_float(images.pixels).requires_grad_(True)
    (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(model(pixels), images.labels), pixels)
    step = found.radius[:, None, None, None].float() * gradient.sign()
    assert model((pixels + step).clamp(0, 1)).argmax(1).eq(images.labels).all()
