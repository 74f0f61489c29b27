"""Sigma-zero takes the steps of its paper, and finds the fewest values of a linear model."""

from __future__ import annotations

import pytest
import torch

from tasks.attacks.engine.norms import measure_sizes
from tests.support.attack_models import Linear, craft, job_of, linear_images, settings
from tests.support.minimum_norm import STEPS, check_reference
from tests.support.reference_minimum_norm import run_sigma_zero


@pytest.mark.slow
def test_every_step_is_that_of_the_paper() -> None:
    check_reference(
        "sigma_zero", "l0", lambda model, clean, label: run_sigma_zero(model, clean, label, STEPS), search_share=0
    )


def test_as_few_values_change_as_a_linear_model_needs() -> None:
    model = Linear()
    job = job_of(model, linear_images(), (1,))
    for name in ("sigma_zero", "fmn"):
        found = craft(job, settings(name=name, norm="l0", steps=200))
        assert torch.equal(measure_sizes(found - job.clean)["l0"], model.fewest(job.clean)), name
