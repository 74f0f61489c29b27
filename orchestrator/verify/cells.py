"""Which attacks would settle what a check says, the cheapest first.

A remedy takes the trial whose attack is questioned, and gives others of the same norm and budget on the same images, as
they would be written in a file. What an attack is, is asked of its settings: no attack is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from orchestrator.space.verification import OTHER_SEED
from tasks.attacks.registry import list_attacks
from tasks.evaluation.settings import AttackSettings
from tasks.training.surrogate import SurrogateTrainSettings
from tasks.trial.trial import Trial

LONGER = 4
"""Times the steps."""
RESTARTS = 5
SHARED = ("examples", "only_correct", "eps_space", "batch_size")
"""Settings of the evaluation that stay, so that the same images are attacked."""

Section = dict[str, Any]
Remedy = Callable[[Trial], Iterator[Section]]


def take_more_steps(trial: Trial) -> Iterator[Section]:
    """The same attack, four times as long, with a step size that reaches the budget."""
    asked = trial.attack
    document = asked.document()
    if "steps" in document and asked.method.iterative:
        own = {"step_size": None} if "step_size" in document else {}
        yield {**document, **own, "steps": LONGER * document["steps"]}


def restart(trial: Trial) -> Iterator[Section]:
    """The same attack from more starts, where it has any."""
    asked = trial.attack
    document = asked.document()
    if document.get("random_start", True) and document.get("restarts", RESTARTS) < RESTARTS:
        yield {**document, "restarts": RESTARTS}


def keep_the_best(trial: Trial) -> Iterator[Section]:
    """The same attack, every iterate of which counts."""
    asked = trial.attack
    if asked.method.in_gradient_loop and not asked.stop_when_fooled:
        yield {**asked.document(), "stop_when_fooled": True}


def take_another_loss(trial: Trial) -> Iterator[Section]:
    """The attack that needs no step size and tries every target."""
    asked = trial.attack
    for name, attack in list_attacks().items():
        if attack.settles and asked.method.norm in attack.norms() and name != asked.method.name:
            yield {**_share(asked), "name": name}


def do_without_gradients(trial: Trial) -> Iterator[Section]:
    """What sees no more than logits, with the settings in which `--verify` tries it."""
    asked = trial.attack
    for name, attack in list_attacks().items():
        sees_less = attack.access in ("logits", "label") and attack.probe is not None
        if sees_less and asked.method.norm in attack.norms() and name != asked.method.name:
            yield {**_share(asked), "name": name, **(attack.probe or {})}


def average_looks(trial: Trial) -> Iterator[Section]:
    """The form of an attack for models that answer at random (EOT)."""
    asked = trial.attack
    for name, attack in list_attacks().items():
        if attack.random_form is not None and asked.method.norm in attack.norms():
            yield {**_share(asked), "name": name, **attack.random_form}


def see_the_defence(trial: Trial) -> Iterator[Section]:
    """The same attack through the transformations before the model (BPDA, and EOT where they draw)."""
    asked = trial.attack
    if not asked.adaptive and asked.method.required_generator is None:
        yield {**asked.document(), "adaptive": True}


def transfer(trial: Trial) -> Iterator[Section]:
    """The same attack against a model of the trial's own kind, trained alike from another seed: where its examples fool
    more than the model's own gradients do, these are masked. Trained anew, so it comes last."""
    asked, train = trial.attack, trial.train
    if train is None or asked.surrogate is not None or not asked.method.is_iterative_white_box():
        return
    fields = SurrogateTrainSettings.model_fields
    known = {name: value for name, value in train.document().items() if name in fields}
    surrogate = {"seed": OTHER_SEED, "model": trial.model.document(), "train": known}
    yield {**asked.document(), "surrogate": surrogate}


def _share(asked: AttackSettings) -> Section:
    document = asked.document()
    return {"norm": asked.method.norm, "eps": asked.method.eps} | {name: document[name] for name in SHARED}


LONGER_WALK: Sequence[Remedy] = (take_more_steps, restart, take_another_loss)
MASKED: Sequence[Remedy] = (do_without_gradients, take_another_loss, transfer)
REMEDIES: Mapping[str, Sequence[Remedy]] = {
    "end of its curve": LONGER_WALK,
    "attack has converged": LONGER_WALK,
    "any size fools all": LONGER_WALK,
    "another loss finds no more": (take_another_loss, take_more_steps),
    "budget reached": LONGER_WALK,
    "fewer images agree": (),
    "restarts": (restart, take_another_loss),
    "no silent success": (keep_the_best,),
    "adaptive attack": (see_the_defence,),
    "deterministic": (average_looks,),
    "no catastrophic overfitting": (take_more_steps, take_another_loss),
    "iterative >= single step": (take_more_steps, *MASKED),
}
"""Check -> what would settle it; of every other check it is what tells masked gradients."""
BEYOND_ATTACKS = frozenset(
    {
        "clean accuracy above chance",
        "attack known",
        "eps_train reached",
        "answers from the image alone",
        "witness keeps the label",
    }
)
"""Checks that no attack settles: the model or its training is what is wrong."""


def list_remedies(checks: Sequence[str], trial: Trial) -> dict[str, Section]:
    """Words for a remedy -> the section of an attack, in the order in which they are tried."""
    found: dict[str, Section] = {}
    for check in checks:
        if check in BEYOND_ATTACKS:
            continue
        for remedy in REMEDIES.get(check, MASKED):
            for section in remedy(trial):
                words = f"{remedy.__name__.replace('_', ' ')}: {section['name']}"
                found.setdefault(words, section)
    return found
