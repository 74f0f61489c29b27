"""Every rule over several settings, from both sides of its border: what is refused, in which words, and what is fine.

What is fine is kept with what it becomes in its canonical form, so that a setting that is dropped, or is not, shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from tasks.settings_problems import describe_problems
from tasks.trial.trial import Trial, simplify_trial
from tests.support.kept import expect_kept
from tests.support.objectives import FGSM, IFGSM, TEACHER
from tests.support.small import SGD

TRAINED: dict[str, Any] = {"epochs": 2, "optimizer": SGD}
UNTRAINED: dict[str, Any] = {"model": {"name": "resnet8"}}
PGD: dict[str, Any] = {"name": "pgd", "eps": 0.1, "steps": 4}
HELD: dict[str, Any] = {"name": "digits", "split": {"validation": 0.1}}
SMALL: dict[str, Any] = {"name": "digits", "image_size": 10, "channels": 1}
NOISE: dict[str, Any] = {"name": "noise", "sigma": 0.2}
QUILTING: dict[str, Any] = {"name": "quilting"}
UNRESTRICTED: dict[str, Any] = {"name": "diff_pgd_unrestricted", "witness": {**TEACHER, "seed": 3}}
SMOOTHED: dict[str, Any] = {"name": "randomized_smoothing", "eps": 0.25}
OAT: dict[str, Any] = {"name": "oat", "attack": FGSM, "lambdas": [0, 0.5, 1]}


def train(**fields: Any) -> dict[str, Any]:
    return {"train": {**TRAINED, **fields}}


def objective(name: str, **fields: Any) -> dict[str, Any]:
    return train(objective={"name": name, **fields})


def prune(**fields: Any) -> dict[str, Any]:
    return {"prune": {"ratio": 0.4, **fields}}


def attack(**fields: Any) -> dict[str, Any]:
    return {"attack": {**PGD, **fields}}


def behind(*transformations: dict[str, Any], answer: str = "mean", **fields: Any) -> dict[str, Any]:
    return {"inference": {"transformations": list(transformations), "answer": answer, **fields}}


CASES: tuple[dict[str, Any], ...] = (
    train(optimizer={"name": "sgd", "nesterov": True}),
    train(optimizer={"name": "sgd", "nesterov": True, "momentum": 0.1}),
    train(keep="best_loss"),
    train(keep="best_loss") | {"dataset": HELD},
    train(keep="best_robust_accuracy") | {"dataset": HELD},
    train(keep="best_robust_accuracy", validation_attack=FGSM) | {"dataset": HELD},
    train(validation_attack=FGSM),
    train(epochs=0),
    train(objective={"name": "standard"}, ensemble={"attack": [FGSM], "surrogates": [TEACHER]}),
    train(ensemble={"attack": [FGSM], "surrogates": [TEACHER], "share": 0}),
    {"adversarial_finetune": {**TRAINED, "lambda": 0.1}},
    {"adversarial_finetune": {**TRAINED, "lambda": 0.1, "attack": IFGSM, "objective": {"name": "standard"}}},
    {"adversarial_finetune": {**TRAINED, "lambda": 0, "attack": IFGSM}},
    {"adversarial_finetune": {**TRAINED, "objective": {"name": "mart", "attack": IFGSM}}},
    {"adversarial_finetune": {**TRAINED, "lambda": 0.3, "attack": IFGSM, "fixed_examples": 10}},
    objective("adversarial", **{"lambda": 0.3, "attack": {**IFGSM, "eps": 0}}),
    objective("oat", attack=FGSM, lambdas=[0.5]),
    objective("oat", attack=FGSM, lambdas=[0.5, 0.5]),
    objective("oat", attack=FGSM, lambdas=[0, 1.1]),
    objective("oat", attack=FGSM, lambdas=[-0.1, 1]),
    objective("oat", attack={**FGSM, "targeted": True}),
    objective("oat", attack={"name": "apgd_ce", "eps": 0.1}),
    objective("oat", attack=FGSM, weight_averaging={"name": "swa"}),
    objective("oat", attack=FGSM, weight_averaging={"name": "ema"}),
    objective("oat", attack=FGSM, lambdas=[0.2, 0.6], reference=0.4),
    objective("oat", attack=FGSM, lambdas=[0, 0.5], reference=1),
    objective("oat", attack=FGSM, lambdas=[0, 0.5]),
    train(objective={**OAT, "lambdas": [0.2, 0.5], "reference": 0.2}) | {"condition": {"lambda": 0.9}},
    train(objective={**OAT, "lambdas": [0.2, 0.5], "reference": 0.5}) | {"condition": {"lambda": 0.1}},
    train(objective={**OAT, "lambdas": [0.2, 0.5], "reference": 0.5}) | {"condition": {"lambda": 0.2}},
    train(objective=OAT) | {"condition": {"lambda": 0.25}},
    train(objective=OAT) | {"finetune": TRAINED},
    train(objective=OAT) | {"prune": {"ratio": 0.1}},
    {"condition": {"lambda": 0.25}},
    objective("distillation", form="ard", teacher=TEACHER),
    objective("distillation", form="rslad", attack=IFGSM),
    objective("distillation", attack=IFGSM),
    objective("distillation", **{"lambda": 0.5}),
    objective("distillation", teacher=UNTRAINED),
    objective("distillation", teacher={"model": {"name": "resnet18", "stem": "imagenet", "weights": "imagenet"}}),
    objective("distillation", form="rslad", teacher=TEACHER, attack=FGSM),
    objective("distillation", form="rslad", teacher=TEACHER, attack={**IFGSM, "targeted": True}),
    objective("distillation", form="rslad", teacher=TEACHER, attack=IFGSM, temperature=2),
    objective("distillation", form="ard", teacher=TEACHER, attack=FGSM, temperature=2),
    objective("trades", attack=FGSM),
    objective("trades", attack={**PGD, "targeted": True}),
    objective("ibp", eps=0.1, ramp_start=0.5, ramp_end=0.4),
    objective("ibp", eps=0.1, ramp_start=0.5, ramp_end=0.5),
    objective("smooth_adv", sigma=0.1, attack={**PGD, "norm": "l2", "restarts": 2}),
    objective("smooth_adv", sigma=0.1, attack={**PGD, "norm": "l2"}, samples=3),
    objective("ensemble", attack=[FGSM], surrogates=[TEACHER], inner={"name": "standard", "awp": {"gamma": 0.1}}),
    prune(importance="bn_scale", unit="weights"),
    prune(importance="harp", training=TRAINED),
    prune(importance="harp", within="network", training=TRAINED, pressure=2),
    prune(unit="weights", mode="remove"),
    prune(within="2:4"),
    prune(within="2:4", unit="weights"),
    prune(within="3:4", unit="weights", ratio=0.25),
    prune(within="4:4", unit="weights"),
    prune(within="2:4", unit="weights", ratio=0),
    prune(importance="hydra"),
    prune(importance="hydra", schedule="cubic", training=TRAINED),
    prune(importance="hydra", training=TRAINED),
    prune(importance="hydra", training=TRAINED, mode="remove"),
    prune(importance="hydra", training={**TRAINED, "objective": {"name": "standard", "awp": {"gamma": 0.1}}}),
    prune(schedule="cubic"),
    prune(schedule="cubic", training={**TRAINED, "epochs": 0}),
    prune(schedule="cubic", training=TRAINED, objective={"name": "standard"}),
    prune(schedule="cubic", training=TRAINED, mode="remove"),
    prune(schedule="cubic", training=TRAINED, within="2:4", unit="weights", ratio=0.5),
    prune(schedule="cubic", training={**TRAINED, "keep": "best_loss"}) | {"dataset": HELD},
    prune(schedule="cubic", training=TRAINED, updates=3, ramp=0.5, pressure=3),
    prune(schedule="cubic", training=TRAINED, ratio=0, scope="layer1", updates=3),
    prune(training=TRAINED),
    prune(importance="taylor", objective=OAT),
    prune(importance="taylor", objective={"name": "adversarial", "lambda": 1, "attack": IFGSM}),
    prune(ratio=0),
    {"model": {"name": "resnet8", "std": 0}},
    {"model": {"name": "resnet8", "std": [0.1, -0.1, 1]}},
    {"model": {"name": "resnet8", "weights": "imagenet", "stem": "imagenet"}},
    {"model": {"name": "resnet18", "weights": "imagenet"}},
    {"model": {"name": "resnet18", "weights": "imagenet", "stem": "imagenet"}},
    {"model": {"name": "resnet8", "weights": "https://host/file"}},
    {"model": {"name": "resnet8", "weights": f"https://host/file#sha256={'A' * 64}"}},
    {"dataset": {"name": "digits", "fit": "center_crop"}},
    {"dataset": {**SMALL, "fit": "center_crop"}},
    {"dataset": SMALL, **attack(norm="l2", eps=10)},
    {"dataset": SMALL, **attack(norm="l2", eps=10.1)},
    attack(eps=1.5),
    attack(eps=300),
    attack(eps=4, eps_space="normalized"),
    attack(eps=0, restarts=3, only_correct=True),
    attack(eps=0.1, random_start=False, restarts=3),
    attack(surrogate=UNTRAINED),
    attack(surrogate={**TEACHER, "finetune": {**TRAINED, "epochs": 0}, "prune": {"ratio": 0}}),
    attack(witness=TEACHER),
    {"attack": {"name": "diff_pgd_unrestricted"}},
    {"attack": UNRESTRICTED},
    {"attack": {**UNRESTRICTED, "eps": 0.1}},
    {"attack": {**UNRESTRICTED, "witness": {**TEACHER, "seed": 0}}},
    {"attack": {**UNRESTRICTED, "generator": {"name": "advgan"}}},
    {"attack": {"name": "advgan", "eps": 0.2, "eps_space": "normalized"}},
    {"attack": {"name": "advgan", "eps": 0.2, "eps_space": "normalized", "generator": {"name": "advgan", "eps": 0.1}}},
    {"attack": {"name": "advgan", "eps": 0.2}, **behind(NOISE)},
    {"attack": {"name": "advgan", "eps": 0.2, "adaptive": False}, **behind(NOISE)},
    {"attack": {"name": "advgan", "eps": 0.2, "generator": {"name": "advgan", "weights": "imagenet"}}},
    {"attack": {"name": "interval_bounds", "eps": 0.1, "surrogate": UNTRAINED}},
    {"attack": {"name": "interval_bounds", "eps": 0.1}, **behind(NOISE)},
    {"attack": SMOOTHED},
    {"attack": {**SMOOTHED, "sigma": 0.3}},
    {"attack": {**SMOOTHED, "sigma": 0.3}, **behind(NOISE, answer="vote")},
    {"attack": SMOOTHED, **behind(NOISE)},
    {"attack": SMOOTHED, **behind(NOISE, NOISE, answer="vote")},
    {"attack": SMOOTHED, **behind(NOISE, answer="vote")},
    attack(adaptive=False),
    attack(stop_when_fooled=False) | behind({"name": "jpeg"}),
    attack() | behind(NOISE),
    attack(adaptive=False) | behind(NOISE),
    attack(surrogate=TEACHER) | behind(NOISE),
    {"attack": {"name": "square", "eps": 0.1, "precision": "bf16"}},
    behind(),
    behind({**QUILTING, "overlap": 5, "patch": 5}),
    behind({**QUILTING, "overlap": 4, "patch": 5, "neighbours": 7, "database": 6}),
    behind({**QUILTING, "overlap": 4, "patch": 5, "neighbours": 7, "database": 7}),
)
PLAIN: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "model": {"name": "resnet8"},
    "train": TRAINED,
    "attack": {"name": "fgsm", "eps": 0.1},
}


def list_changes(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """`path=value` of everything that is another; without a value where it is gone."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        yield f"{path}={json.dumps(after)}"
        return
    for name in [*before, *(name for name in after if name not in before)]:
        place = f"{path}.{name}".lstrip(".")
        if name not in after:
            yield place
        elif before.get(name, before) != after[name]:
            yield from list_changes(before.get(name), after[name], place)


def describe(sections: dict[str, Any]) -> str:
    """What is wrong with a trial, or what becomes of it beside one that says nothing."""
    try:
        found = simplify_trial(Trial.model_validate(PLAIN | sections)).canonical()
    except ValidationError as error:
        return "\n  ".join(map(str, describe_problems(error, Trial, "")))
    plain = simplify_trial(Trial.model_validate(PLAIN)).canonical()
    return "fine: " + "; ".join(list_changes(plain, found))


def test_rules_stand_where_they_stood() -> None:
    expect_kept("rules.txt", "\n".join(f"{json.dumps(case)}\n  {describe(case)}" for case in CASES))
