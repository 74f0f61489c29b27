"""Checks that every attack on the way to the smallest perturbation shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tasks.attacks.engine.norms import measure_sizes
from tests.support.attack_models import craft, job_of, network, network_images, settings
from tests.support.reference_minimum_norm import Smallest

STEPS = 40


def check_reference(
    name: str, norm: str, run: Callable[[nn.Module, Tensor, int], Smallest], count: int = 6, **fields: Any
) -> None:
    """Ours finds perturbations of the size that the paper's steps find, image by image.

    :param fields: settings of the attack other than these steps.
    """
    model = network()
    job = job_of(model, network_images(model, count), (1,))
    found = craft(job, settings(name=name, norm=norm, steps=STEPS, **fields))
    sizes = measure_sizes(found - job.clean)[norm].double()
    expected = torch.tensor(
        [run(job.model.judge, job.clean[n : n + 1], int(job.labels[n])).size for n in range(count)],
        dtype=torch.float64,
    )
    reached = expected.isfinite()
    assert reached.sum() >= count / 2
    assert torch.equal(sizes > 0, reached)
    assert job.is_adversarial(found)[reached].all()
    torch.testing.assert_close(sizes[reached], expected[reached], rtol=2e-3, atol=0)
