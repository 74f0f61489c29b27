"""Settings of every objective, small enough to train with in a second."""

from __future__ import annotations

from typing import Any

IFGSM = {"name": "ifgsm", "eps": "8/255", "steps": 2}
FGSM = {"name": "fgsm", "eps": "8/255"}
TEACHER = {
    "seed": 1,
    "model": {"name": "resnet8"},
    "train": {"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.05}},
}

OBJECTIVE_CASES: dict[str, dict[str, Any]] = {
    "standard": {},
    "adversarial": {"lambda": 0.5, "attack": IFGSM},
    "ensemble": {"attack": IFGSM, "surrogates": [TEACHER], "include_self": True},
    "trades": {"attack": IFGSM},
    "mart": {"attack": FGSM},
    "fgsm_rs": {"eps": "8/255"},
    "n_fgsm": {"eps": "8/255"},
    "input_gradient": {},
    "jacobian": {"projections": 2},
    "logit_pairing": {"attack": FGSM},
}
"""Name -> what stands beside it."""


def name_objective(name: str, **more: Any) -> dict[str, Any]:
    """The mapping that a section names an objective by."""
    return {"name": name, **OBJECTIVE_CASES[name], **more}
