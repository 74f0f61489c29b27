"""DDN takes the steps of its paper."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from tasks.attacks.engine.norms import measure_sizes
from tests.support.attack_models import craft, job_of, network, network_images, settings
from tests.support.minimum_norm import STEPS, check_reference
from tests.support.reference_minimum_norm import run_ddn


@pytest.mark.slow
def test_every_step_is_that_of_the_paper() -> None:
    check_reference("ddn", "l2", lambda model, clean, label: run_ddn(model, clean, label, STEPS))


class Certain(nn.Module):
    """A network so sure of itself that the gradient of its cross-entropy is zero in fp32."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.inner(pixels) * 1e4
        return logits


def test_a_gradient_of_zero_does_not_end_the_walk() -> None:
    model = Certain(network())
    job = job_of(model, network_images(network(), 8), (1,))
    found = craft(job, settings(name="ddn", norm="l2", steps=50))
    assert job.is_adversarial(found).all()
    assert (measure_sizes(found - job.clean)["l2"] > 0).all()


@pytest.mark.slow
def test_more_steps_find_a_smaller_perturbation() -> None:
    model = network()
    job = job_of(model, network_images(model, 12), (1,))
    few, many = (
        measure_sizes(craft(job, settings(name="ddn", norm="l2", steps=steps)) - job.clean)["l2"] for steps in (20, 200)
    )
    assert (many <= few * 1.001).float().mean() > 0.9
    assert many.median() < 0.97 * few.median()
