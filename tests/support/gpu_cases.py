"""The chains that are run on the pretended GPU: every training, pruning, objective, transformation and attack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tasks.attacks.registry import ATTACKS
from tasks.certificates.registry import CERTIFICATES
from tasks.generators.registry import GENERATORS
from tasks.transformations.registry import TRANSFORMATIONS
from tasks.trial.trial import Trial
from tests.support import small
from tests.support.objectives import NAMED_OBJECTIVES
from tests.support.pruning import PRUNING_CASES

IFGSM = {"name": "ifgsm", "eps": "8/255", "steps": 2}
FGSM = {"name": "fgsm", "eps": "16/255"}
EPOCH = {"epochs": 2, "batch_size": 50, "optimizer": small.SGD}
FEW = {"name": "digits", "train_examples": 100}
PRUNED = (
    "filters by bn_scale", "filters by taylor", "filters by hydra", "weights by harp",
    "weights of the network by taylor", "2:4 by l1", "filters, gradually", "weights, gradually",
)  # fmt: skip
"""Cases of pruning of which none takes the way of another: what moves between devices, and when."""
ALIKE = ("free+ema", "jacobian+awp", "adversarial+awp")
"""Objectives whose parts are all among those of the others."""
EPOCH_OF_GENERATOR = {"epochs": 2, "batch_size": 100}
TRAINED = {**EPOCH, "epochs": 6}
"""Of the model that is attacked: one that is right about most images, or there would be nothing to do."""
IMAGES = 12
STEPS = 5
"""Of an attack: more than the waits that a test allows beside one a step."""
LONGER = {**IFGSM, "steps": STEPS, "examples": IMAGES}
CONSTANTS = 3
"""Of attacks that search for the weight of success."""
TARGETS = 3
"""Of attacks that walk towards one class after another; two thirds of the walks of one of them are given up."""
LARGE = {"linf": "16/255", "l2": 1.0, "l1": 5.0, "l0": 10}
"""Budgets at which such a model is fooled in part."""
OTHER_NORMS = (("apgd_ce", "l1"), ("square", "l2"), ("fab", "l1"))
"""Attacks that walk otherwise in another norm than in their first."""
PROBED = (
    "attack behind transformations", "attack by transfer", "attack in bf16", "attack fgsm", "attack square in l2",
    "attack apgd_ce in l1",
)  # fmt: skip
"""Whose model is looked at as well: what stands around an attack, and each norm."""


def list_cases() -> Iterator[tuple[str, Trial]]:
    """Name and trial of every case: the forms of training and pruning, every objective and every attack there is."""
    tuned = {"lambda": 0.3, "attack": IFGSM, **EPOCH}
    pgd = {"name": "pgd", "eps": "8/255", "steps": 2}
    yield "chain", small.trial(dataset=FEW, prune={"ratio": 0.5}, finetune=EPOCH, adversarial_finetune=tuned)
    yield "chain of a smaller network", small.trial(dataset=FEW, prune={"ratio": 0.5, "mode": "remove"}, finetune=EPOCH)
    for name in PRUNED:
        yield f"pruning {name}", small.trial(dataset=FEW, prune={"ratio": 0.5, **PRUNING_CASES[name]})
    yield "training in bf16", small.trial(dataset=FEW, train={**EPOCH, "precision": "bf16"})
    yield "training with Adam", small.trial(dataset=FEW, train={**EPOCH, "optimizer": {"name": "adam", "lr": 0.001}})
    yield (
        "training on augmented images",
        small.trial(dataset={**FEW, "augment": {"flip": True, "crop": 2}}, train=EPOCH),
    )
    yield (
        "training that keeps its best epoch",
        small.trial(
            dataset={**FEW, "split": {"validation": 0.2}},
            train={**EPOCH, "validation_attack": IFGSM, "keep": "best_robust_accuracy"},
        ),
    )
    yield "fine-tuning on random starts", small.trial(dataset=FEW, adversarial_finetune={**tuned, "attack": pgd})
    yield (
        "fine-tuning on fixed examples",
        small.trial(dataset=FEW, adversarial_finetune={**tuned, "fixed_examples": 60}),
    )
    surrogate = {"seed": 1, "model": {"name": "resnet8"}, "train": {"epochs": 1, "optimizer": small.SGD}}
    yield (
        "training against an ensemble",
        small.trial(
            dataset=FEW, train={**EPOCH, "ensemble": {"attack": IFGSM, "surrogates": [surrogate], "include_self": True}}
        ),
    )
    for name in (name for name in NAMED_OBJECTIVES if name not in ALIKE):
        objective = {**EPOCH, "objective": NAMED_OBJECTIVES[name]}
        yield f"objective {name}", small.trial(dataset=FEW, train=objective)
    yield (
        "attack behind transformations",
        small.trial(train=TRAINED, inference=make_inference(), attack={**FGSM, "examples": IMAGES}),
    )
    yield "attack by transfer", small.trial(train=TRAINED, attack={**LONGER, "surrogate": surrogate})
    yield "attack in bf16", small.trial(train=TRAINED, attack={**LONGER, "precision": "bf16"})
    yield from list_certificates()
    for name in ATTACKS:
        yield f"attack {name}", small.trial(train=TRAINED, attack=make_cheap(name))
    for name, norm in OTHER_NORMS:
        section = {**make_cheap(name), "norm": norm, "eps": LARGE[norm]}
        yield f"attack {name} in {norm}", small.trial(train=TRAINED, attack=section)


def list_resumed() -> Iterator[tuple[str, Trial, int]]:
    """Name and trial of what is broken off on one device and goes on on another, and which stage that is."""
    trial = small.trial(dataset=FEW, train=EPOCH)
    yield "resumed on the other device", trial, 0
    for name in choose_by_generator().values():
        yield f"generator of {name} resumed on the other device", small.trial(dataset=FEW, attack=make_cheap(name)), 1


def choose_by_generator() -> dict[str, str]:
    """Every generator, and an attack that takes it unless told otherwise."""
    chosen: dict[str, str] = {}
    for name in ATTACKS:
        if field := ATTACKS.load(name).model_fields.get("generator"):
            chosen.setdefault(field.default.name, name)
    assert chosen.keys() == {*GENERATORS}
    return chosen


def list_certificates() -> Iterator[tuple[str, Trial]]:
    """Every certificate."""
    smoothing = {"name": "randomized_smoothing", "sigma": 0.1, "eps": 0.05, "samples": 60, "sampling": "anytime"}
    sections: list[dict[str, Any]] = [smoothing, {"name": "interval_bounds", "eps": "1/2550"}]
    sections.append({"name": "crown_ibp", "eps": "1/2550"})
    assert {section["name"] for section in sections} == {*CERTIFICATES}
    for section in sections:
        trial = small.trial(train=TRAINED, attack={**section, "examples": IMAGES})
        yield f"certificate {section['name']}", trial


def make_inference() -> dict[str, Any]:
    """Every transformation behind the others, and few looks."""
    smaller: dict[str, dict[str, Any]] = {
        "quilting": {"database": 100, "neighbours": 1},
        "total_variation": {"iterations": 3, "kept": 0.9},
    }
    transformations = [{"name": name, **smaller.get(name, {})} for name in TRANSFORMATIONS]
    return {"transformations": transformations, "samples": 2, "answer": "vote", "eot_samples": 2}


def make_cheap(name: str) -> dict[str, Any]:
    """The section of an attack with a budget of its norm and few steps."""
    settings = ATTACKS.load(name)
    fields = settings.model_fields
    norm = fields["norm"].default
    section = {"name": name, "examples": IMAGES, "eps": LARGE.get(norm)}
    if norm not in LARGE:
        section["witness"] = {"seed": 1, "model": {"name": "resnet8"}}
    if "generator" in fields:
        # wide enough for two channels in a group that is normalised: a bias that a normalisation takes away has a
        # gradient of rounding alone, of which Adam makes whole steps
        section["generator"] = {"name": fields["generator"].default.name, **EPOCH_OF_GENERATOR, "width": 8}
    if "steps" in fields:
        section["steps"] = STEPS
    if "binary_search_steps" in fields:
        section["binary_search_steps"] = CONSTANTS
    if "targets" in fields:
        section["targets"] = TARGETS
    if "targeted" in fields:
        section["targeted"] = True
    return section
