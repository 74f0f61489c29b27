"""Which attacks would settle what a check says, the cheapest first.

A remedy takes the attack that is questioned, as it would be written in a file, and gives others of the same norm and
budget on the same images. What an attack is, is asked of its settings: no attack is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tasks.attacks.registry import list_attacks
from tasks.evaluation.settings import AttackSettings

LONGER = 4
"""Times the steps."""
RESTARTS = 5
SHARED = ("examples", "only_correct", "eps_space", "batch_size")
"""Settings of the evaluation that stay, so that the same images are attacked."""

Section = dict[str, Any]
Remedy = Callable[[AttackSettings], Iterator[Section]]


def take_more_steps(asked: AttackSettings) -> Iterator[Section]:
    """The same attack, four times as long, with a step size that reaches the budget."""
    document = asked.document()
    if "steps" in document and asked.method.iterative:
        own = {"step_size": None} if "step_size" in document else {}
        yield {**document, **own, "steps": LONGER * document["steps"]}


def restart(asked: AttackSettings) -> Iterator[Section]:
    """The same attack from more starts, where it has any."""
    document = asked.document()
    if "restarts" in document and document["restarts"] < RESTARTS:
        yield {**document, "restarts": RESTARTS}


def keep_the_best(asked: AttackSettings) -> Iterator[Section]:
    """The same attack, every iterate of which counts."""
    if asked.method.in_gradient_loop and not asked.stop_when_fooled:
        yield {**asked.document(), "stop_when_fooled": True}


def take_another_loss(asked: AttackSettings) -> Iterator[Section]:
    """The attack that needs no step size and tries every target."""
    for name, attack in list_attacks().items():
        if attack.settles and asked.method.norm in attack.norms() and name != asked.method.name:
            yield {**_share(asked), "name": name}


def do_without_gradients(asked: AttackSettings) -> Iterator[Section]:
    """What sees no more than logits, with the settings in which `--verify` tries it."""
    for name, attack in list_attacks().items():
        sees_less = attack.access in ("logits", "label") and attack.probe is not None
        if sees_less and asked.method.norm in attack.norms() and name != asked.method.name:
            yield {**_share(asked), "name": name, **(attack.probe or {})}


def average_looks(asked: AttackSettings) -> Iterator[Section]:
    """The form of an attack for models that answer at random (EOT)."""
    for name, attack in list_attacks().items():
        if attack.random_form is not None and asked.method.norm in attack.norms():
            yield {**_share(asked), "name": name, **attack.random_form}


def see_the_defence(asked: AttackSettings) -> Iterator[Section]:
    """The same attack through the transformations before the model (BPDA, and EOT where they draw)."""
    if not asked.adaptive:
        yield {**asked.document(), "adaptive": True}


def _share(asked: AttackSettings) -> Section:
    document = asked.document()
    return {"norm": asked.method.norm, "eps": asked.method.eps} | {name: document[name] for name in SHARED}


LONGER_WALK: Sequence[Remedy] = (take_more_steps, restart, take_another_loss)
MASKED: Sequence[Remedy] = (do_without_gradients, take_another_loss)
REMEDIES: Mapping[str, Sequence[Remedy]] = {
    "end of its curve": LONGER_WALK,
    "attack has converged": LONGER_WALK,
    "another loss finds no more": (take_another_loss, take_more_steps),
    "budget reached": LONGER_WALK,
    "no silent success": (keep_the_best,),
    "adaptive attack": (see_the_defence,),
    "deterministic": (average_looks,),
    "no catastrophic overfitting": (take_more_steps, take_another_loss),
    "iterative >= single step": (take_more_steps, *MASKED),
}
"""Check -> what would settle it; of every other check it is what tells masked gradients."""
BEYOND_ATTACKS = frozenset(
    {"clean accuracy above chance", "attack known", "eps_train reached", "answers from the image alone"}
)
"""Checks that no attack settles: the model or its training is what is wrong."""


def list_remedies(checks: Sequence[str], asked: AttackSettings) -> dict[str, Section]:
    """Words for a remedy -> the section of an attack, in the order in which they are tried."""
    found: dict[str, Section] = {}
    for check in checks:
        if check in BEYOND_ATTACKS:
            continue
        for remedy in REMEDIES.get(check, MASKED):
            for section in remedy(asked):
                words = f"{remedy.__name__.replace('_', ' ')}: {section['name']}"
                found.setdefault(words, section)
    return found
