"""Our attacks beside foolbox's."""

from __future__ import annotations

from typing import Any

import foolbox
import torch

from tasks.attacks.engine.fast_model import freeze_copy
from tasks.attacks.engine.norms import measure_sizes
from tests.support.attack_models import craft, job_of, network, network_images, settings

SEARCH: dict[str, Any] = {"steps": 30, "binary_search_steps": 5, "initial_const": 0.01}
"""Of the attacks that look for a constant, under the names of both libraries."""


def check_same_sizes(peer: Any, **raw: Any) -> None:
    """At equal settings ours finds perturbations of the size that the peer finds, on the same images."""
    model = network(1)
    images = network_images(model)
    job, cell = job_of(model, images, (1,)), settings(**raw)
    found = craft(job, cell)
    attacked = foolbox.PyTorchModel(freeze_copy(model), bounds=(0, 1), device="cpu")
    criterion = foolbox.criteria.Misclassification(images.labels)
    expected = peer.run(attacked, job.clean.contiguous(), criterion).detach()
    missed = expected.flatten(1).amax(1) == 0  # foolbox returns black for what it did not find
    assert torch.equal(measure_sizes(found - job.clean)["l0"] == 0, missed)
    ours, theirs = (measure_sizes(each - job.clean)[cell.method.norm][~missed] for each in (found, expected))
    assert len(ours) >= len(job.labels) / 4
    torch.testing.assert_close(ours.median(), theirs.median(), rtol=5e-3, atol=0)
    assert ((ours / theirs - 1).abs() < 0.01).float().mean() > 0.9
