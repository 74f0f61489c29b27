"""Settings of every importance and every way to prune, small enough to run in a second."""

from __future__ import annotations

from typing import Any

from tests.support.small import SGD

TRAINING = {"epochs": 2, "batch_size": 50, "optimizer": SGD}
HARDENING = {
    **TRAINING,
    "objective": {"name": "adversarial", "lambda": 1, "attack": {"name": "ifgsm", "eps": "8/255", "steps": 2}},
}

IMPORTANCE_CASES: dict[str, dict[str, Any]] = {
    "l1": {},
    "l2": {},
    "random": {},
    "bn_scale": {},
    "taylor": {"objective": HARDENING["objective"]},
    "hydra": {"training": HARDENING},
    "harp": {"within": "network", "training": HARDENING},
}
"""Name -> what stands beside it."""
PRUNING_CASES: dict[str, dict[str, Any]] = {
    **{f"filters by {name}": {"importance": name, **more} for name, more in IMPORTANCE_CASES.items()},
    "weights by l1": {"unit": "weights"},
    "weights of the network by taylor": {"unit": "weights", "within": "network", "importance": "taylor"},
    "2:4 by l1": {"unit": "weights", "within": "2:4"},
    "weights by hydra": {"unit": "weights", "importance": "hydra", "training": HARDENING},
    "weights by harp": {"unit": "weights", "within": "network", "importance": "harp", "training": HARDENING},
    "filters, gradually": {"schedule": "cubic", "updates": 3, "training": HARDENING},
    "weights, gradually": {
        "unit": "weights",
        "schedule": "cubic",
        "training": {**TRAINING, "objective": {"name": "standard", "weight_averaging": {"name": "ema", "decay": 0.9}}},
    },
}
"""Label -> the section of pruning, beside its ratio of a half."""
