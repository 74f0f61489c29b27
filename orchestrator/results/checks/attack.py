"""Whether an attack attacked: what its stage noted of it, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator

from orchestrator.results.checks.methods import read_method
from orchestrator.results.checks.model import SURE, THIS_VERSION, read_health
from orchestrator.results.checks.verdict import (
    ATHALYE,
    CARLINI,
    OK,
    SUSPICIOUS,
    UPPER_BOUND,
    Group,
    Verdict,
    list_ids,
    report_not_tested,
)
from orchestrator.results.eps import NORMALIZED
from orchestrator.results.randomness import answers_at_random
from orchestrator.results.statistics import compute_sign_test
from orchestrator.text import format_eps
from tasks.attacks.base import ConstantSettings, MinimalSettings
from tasks.attacks.registry import find_attack
from tasks.kinds import MODEL_KINDS
from tasks.trial.row import Row

UNMOVED_SHARE = 0.1
"""Share of the robust images left as they are that is taken as an attack which does nothing."""
SEARCH_LEFT_SHARE = 0.01
"""Share of the images seen rightly that a search without any limit may leave."""
LEAST = 0.99
"""Share of the budget that the largest perturbation should have; below a half of it, an attack does not attack."""
LEAKING = "trained on examples of another model, it may read the label from the perturbation (label leaking)"
"""What transfer examples that help a model mean (Kurakin et al. 2017, arXiv 1611.01236)."""


def check_attack_lowers_accuracy(group: Group) -> Iterator[Verdict]:
    """An attack under which the model does better is none."""
    check = "robust <= clean"
    for row in group:
        corrected, lost = count_changes(row)
        helped = corrected > lost and compute_sign_test(corrected, lost) < 0.05
        under = row["clean_accuracy"] + (corrected - lost) / row["examples"]
        figures = f"seen rightly: clean {row['clean_accuracy']:.1%}, under attack {under:.1%}"
        cause = LEAKING if row["attack_surrogate"] else "what is attacked is not what is judged"
        cause = f"the model does better under attack: {cause}" if helped else ""
        yield Verdict(check, SUSPICIOUS if helped else OK, figures, CARLINI, list_ids(row), cause)


def count_changes(row: Row) -> tuple[int, int]:
    """Images that are seen rightly under attack alone, and without it alone.

    Rows of before there was `corrected` count the former among the robust ones.
    """
    health, difference = read_health(row), row["clean_correct"] - row["robust_correct"]
    if "corrected" in health:
        return health["corrected"], difference
    corrected = max(health.get("gained", 0), -difference)
    return corrected, difference + corrected


def check_images_are_moved(group: Group) -> Iterator[Verdict]:
    """An attack with a budget moves what it cannot fool."""
    check = "images are moved"
    for row in group:
        unmoved, robust = read_health(row).get("unmoved"), row["robust_correct"]
        if unmoved is None:
            continue
        still = unmoved > UNMOVED_SHARE * robust and unmoved > 1
        if row["deterministic"] is False:  # a look that fooled it needs no perturbation, and the judge has another
            continue
        figures = f"{unmoved} of {robust} robust images have a perturbation of size 0"
        cause = "the attack leaves images as they are, so nothing was tried on them" if still else ""
        yield Verdict(check, SUSPICIOUS if still else OK, figures, CARLINI, list_ids(row), cause)


def check_any_size_fools_all(group: Group) -> Iterator[Verdict]:
    """A search that nothing limits fools every image, or it is the search that failed; nothing is said of images that
    are to become one class, nor of a model that answers at random, which the judge asks anew."""
    for row in group:
        method = read_method(json.loads(row["config"])["attack"])
        if not isinstance(method, MinimalSettings) or not method.takes_any_size:
            continue
        if row["attack_targeted"] or row["attack_surrogate"] or answers_at_random(row):
            continue
        left, right = row["robust_correct"], row["clean_correct"]
        figures = f"of {right} images seen rightly {left} are left, though a perturbation of any size counts"
        verdict, cause = OK, ""
        if left > 1 and left > SEARCH_LEFT_SHARE * right:
            verdict = SUSPICIOUS if 2 * left > right else UPPER_BOUND
            start = " or a larger initial_const" if isinstance(method, ConstantSettings) else ""
            cause = f"the search found nothing where there is something to find: more steps{start}"
        yield Verdict("any size fools all", verdict, figures, ATHALYE, list_ids(row), cause)


def check_attack_beats_probes(group: Group) -> Iterator[Verdict]:
    """An attack that follows gradients finds what one step and noise of its own budget find on the same images."""
    check = "attack >= probes"
    found = [row for row in group if is_comparable(row)]
    if not found:
        yield report_not_tested(check, ATHALYE, group, f"{THIS_VERSION}, of a white-box attack with a budget")
    for row in found:
        health = read_health(row)
        beaten = [
            (name, words)
            for name, words in (("step", "one step along the gradient"), ("noise", "noise"))
            if compute_sign_test(health[f"{name}_beats_attack"], health[f"attack_beats_{name}"]) < SURE
        ]
        figures = f"of {health['probe_images']} images one step alone fools {health['step_beats_attack']}, noise alone {health['noise_beats_attack']}"  # noqa: E501
        cause = f"{beaten[0][1]} finds more than the attack: it is broken, or misled" if beaten else ""
        yield Verdict(check, SUSPICIOUS if beaten else OK, figures, ATHALYE, list_ids(row), cause)


def is_comparable(row: Row) -> bool:
    """Whether the probes of its stage are weaker than its attack by right."""
    attack = find_attack(row["attack"])
    if attack is None or attack.access != "gradient" or row["attack_surrogate"] or row["attack_targeted"]:
        return False
    method = read_method(json.loads(row["config"])["attack"])
    short = method is not None and method.longest_path is not None and method.longest_path < (method.eps or 0)
    return not short and read_health(row).get("step_beats_attack") is not None


def check_budget_is_reached(group: Group) -> Iterator[Verdict]:
    """A budget that the steps never reach is not the budget."""
    check = "budget reached"
    for row in group:
        method = read_method(json.loads(row["config"])["attack"])
        eps, reached = row["attack_eps"], row["eps_reached"]
        if method is None or not eps or not method.bounded:
            continue
        path, verdict, cause = method.longest_path, OK, ""
        unit = "" if row["attack_eps_space"] != NORMALIZED else ", both in units of the normalised input"
        figures = f"eps {format_eps(eps)}, largest perturbation {format_eps(reached)}{unit}"
        if path is not None and path < eps * (1 - 1e-9):
            verdict = UPPER_BOUND
            cause = f"budget not reached: {row['attack_steps']} steps go {format_eps(path)} in all; raise step_size, or leave it out"  # noqa: E501
        elif method.norm == "linf" and row["robust_correct"] and (eps if reached is None else reached) < LEAST * eps:
            verdict = SUSPICIOUS if reached < eps / 2 else UPPER_BOUND
            cause = "budget not reached: the attack uses a part of it"
        yield Verdict(check, verdict, figures, CARLINI, list_ids(row), cause)


def check_training_budget_is_reached(group: Group) -> Iterator[Verdict]:
    """What `eps_train` says was trained with."""
    row = group[0]
    config, eps, reached = json.loads(row["config"]), row["eps_train"], row["train_eps_reached"]
    sections = [config.get(kind) or {} for kind in MODEL_KINDS]
    sections = [part.get("training") or part for part in sections]
    methods = [read_method(s.get("attack") or (s.get("objective") or {}).get("attack")) for s in sections]
    method = next((found for found in reversed(methods) if found is not None and found.eps == eps), None)
    if method is None or not eps or not method.bounded:
        return
    path = method.longest_path
    short = path is not None and path < eps * (1 - 1e-9)
    figures = f"eps_train {format_eps(eps)}, largest perturbation in training {format_eps(reached)}"
    cause = (
        f"the training attack goes {format_eps(path)} in all, so eps_train is not what was trained with"
        if short
        else ""
    )
    yield Verdict("eps_train reached", SUSPICIOUS if short else OK, figures, CARLINI, list_ids(*group), cause)
