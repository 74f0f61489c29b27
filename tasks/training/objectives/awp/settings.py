"""What a search space says about adversarial weight perturbation."""

from __future__ import annotations

from tasks.settings import Number, Settings, keyed


class AwpSettings(Settings):
    """The loss is taken with weights that were moved against it, AWP.

    Wu et al. 2020 (arXiv 2004.05884), algorithm 1 with one step for the weights: those of each layer move along the
    gradient of the loss by `gamma` times their own norm. Batch norm and biases are left as they are.
    """

    gamma: Number = keyed(0.005, gt=0, le=1)
    """Size of the move as a share of the norm of a layer's weights; 0.01 in the paper where no loss is mixed in.
    1 is as long as they are."""
