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
    "ensemble": {"attack": [IFGSM, FGSM], "surrogates": [TEACHER], "include_self": True},
    "free": {"eps": "8/255", "replays": 2},
    "distillation": {"teacher": TEACHER, "temperature": 5},
    "trades": {"attack": IFGSM},
    "mart": {"attack": FGSM},
    "fgsm_rs": {"eps": "8/255"},
    "n_fgsm": {"eps": "8/255"},
    "input_gradient": {},
    "jacobian": {"projections": 2},
    "ibp": {"eps": "1/255", "ramp_start": 0.2},
    "crown_ibp": {"eps": "1/255", "ramp_start": 0.2},
    "noise": {"sigma": 0.1},
    "smooth_adv": {"sigma": 0.1, "attack": {"name": "pgd", "norm": "l2", "eps": 0.2, "steps": 2}},
    "oat": {"attack": FGSM, "lambdas": [0, 0.5, 1]},
    "logit_pairing": {"attack": FGSM},
}
"""Name -> what stands beside it."""
EXTRAS: dict[str, dict[str, Any]] = {
    "awp": {"awp": {"gamma": 0.01}},
    "ema": {"weight_averaging": {"name": "ema", "decay": 0.9}},
    "swa": {"weight_averaging": {"name": "swa", "start": 0}},
}
"""Label -> settings that may stand beside those of any objective."""
NAMED_OBJECTIVES: dict[str, dict[str, Any]] = {
    **{name: {"name": name, **settings} for name, settings in OBJECTIVE_CASES.items()},
    "distillation (ard)": {"name": "distillation", "form": "ard", "teacher": TEACHER, "attack": FGSM},
    "distillation (rslad)": {"name": "distillation", "form": "rslad", "teacher": TEACHER, "attack": IFGSM},
    "free+ema": {"name": "free", **OBJECTIVE_CASES["free"], **EXTRAS["ema"]},
    "trades+awp+ema": {"name": "trades", **OBJECTIVE_CASES["trades"], **EXTRAS["awp"], **EXTRAS["ema"]},
    "jacobian+awp": {"name": "jacobian", **OBJECTIVE_CASES["jacobian"], **EXTRAS["awp"]},
    "oat+ema": {"name": "oat", "attack": IFGSM, "lambdas": [0.2, 1], **EXTRAS["ema"]},
    "ensemble+awp+swa": {"name": "ensemble", **OBJECTIVE_CASES["ensemble"], **EXTRAS["awp"], **EXTRAS["swa"]},
    "adversarial+awp": {"name": "adversarial", **OBJECTIVE_CASES["adversarial"], **EXTRAS["awp"]},
}
"""Label -> how a section names it: every objective, and some with what may be asked for on top."""
