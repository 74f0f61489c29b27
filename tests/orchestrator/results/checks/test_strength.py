"""Attacks held against each other: planted faults are caught, sound numbers pass, and what was not tested is said."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.verdicts import check_rows
from orchestrator.space import space as spaces
from tasks.attacks.base import MethodSettings
from tasks.attacks.registry import ATTACKS, list_attacks
from tasks.settings import Count, Number, keyed
from tasks.trial.chain import build_chain
from tests.conftest import CONFIG
from tests.support.rows import ifgsm, row, verdicts_of
from tests.support.toy_attack import registered

SURROGATE = {"seed": 7, "model": {"name": "resnet8"}, "train": {"epochs": 1, "optimizer": {"name": "sgd"}}}
NOISE = "white-box >= noise"


class FastSettings(MethodSettings):
    """An attack that says of itself only what is asked."""

    name: Literal["fast"] = keyed("fast")
    norm: Literal["linf"] = keyed("linf")
    eps: Number = keyed(ge=0)
    steps: Count = keyed(5, ge=1)


def fgsm(eps: float | str, robust: int, **more: Any) -> dict[str, Any]:
    return row({"name": "fgsm", "eps": eps, **more}, robust)


def tell(check: str, rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Verdict and figures of each verdict of a check, sorted."""
    return sorted((found.verdict, found.figures) for found in check_rows(rows) if found.check == check)


@pytest.mark.parametrize(
    ("check", "strong", "weak"),
    [
        ("iterative >= single step", ("8/255", 10), {"name": "fgsm", "eps": "8/255"}),
        ("iterative >= single step", ("8/255", 10), {"name": "ifgsm", "eps": "8/255", "steps": 1}),
        (NOISE, ("8/255", 10), {"name": "uniform", "eps": "8/255"}),
        ("gradient >= gradient-free", ("8/255", 10), {"name": "square", "eps": "8/255"}),
        (
            "white-box >= transfer",
            ("8/255", 10),
            {"name": "ifgsm", "eps": "8/255", "steps": 10, "surrogate": SURROGATE},
        ),
    ],
)
def test_what_should_be_weaker_is_not_stronger(check: str, strong: tuple[str, int], weak: dict[str, Any]) -> None:
    sound = check_rows([ifgsm(*strong, 200), row(weak, 600)])
    assert verdicts_of(check, sound) == {OK}
    masked = check_rows([ifgsm(*strong, 600), row(weak, 200)])
    assert verdicts_of(check, masked) == {SUSPICIOUS}
    assert verdicts_of(check, check_rows([ifgsm(*strong, 200)])) == {NOT_TESTED}


def test_more_budget_is_at_least_as_strong() -> None:
    check = "more budget >= less"
    assert verdicts_of(check, check_rows([ifgsm("2/255", 10, 500), ifgsm("8/255", 10, 200)])) == {OK}
    assert verdicts_of(check, check_rows([ifgsm("2/255", 10, 200), ifgsm("8/255", 10, 500)])) == {SUSPICIOUS}


def test_a_large_budget_reaches_chance() -> None:
    assert verdicts_of("chance at a large budget", check_rows([ifgsm(0.5, 20, 20)])) == {OK}
    assert verdicts_of("chance at a large budget", check_rows([ifgsm(0.5, 20, 500)])) == {SUSPICIOUS}
    assert verdicts_of("chance at a large budget", check_rows([ifgsm("8/255", 20, 500)])) == {NOT_TESTED}


def test_a_targeted_attack_is_no_measure_of_an_untargeted_one() -> None:
    aimed = row({"name": "ifgsm", "eps": "16/255", "steps": 10, "targeted": True}, 700)
    assert verdicts_of("more budget >= less", check_rows([ifgsm("8/255", 10, 200), aimed])) == {NOT_TESTED}


def test_transfer_is_held_against_whatever_knows_the_model() -> None:
    """FGSM is enough: where a step on another model does better than one on the model itself, gradients are masked."""
    check, transferred = "white-box >= transfer", fgsm("8/255", 200, surrogate=SURROGATE)
    assert verdicts_of(check, check_rows([fgsm("8/255", 100), transferred])) == {OK}
    assert verdicts_of(check, check_rows([fgsm("8/255", 600), transferred])) == {SUSPICIOUS}
    noise = row({"name": "uniform", "eps": "8/255"}, 900)
    assert verdicts_of(check, check_rows([noise, transferred])) == {NOT_TESTED}


def test_models_are_never_mixed() -> None:
    other = spaces.build("test", "test", {**CONFIG, "seed": 5, "attack": {"name": "fgsm", "eps": "8/255"}})
    stages = build_chain(other.trials[0], "0" * 64)
    weak = fgsm("8/255", 100)
    weak |= {f"{stage.kind}_key": stage.key for stage in stages}
    assert SUSPICIOUS not in verdicts_of("iterative >= single step", check_rows([ifgsm("8/255", 10, 600), weak]))


ALONG_GRADIENTS = [
    (name, norm)
    for name, cls in list_attacks().items()
    if cls.access == "gradient"
    for norm in {*cls.norms()} & {*ATTACKS.load("uniform").norms()}
]


@pytest.mark.parametrize(("name", "norm"), sorted(ALONG_GRADIENTS))
def test_every_iterative_attack_with_a_budget_is_held_against_noise_of_its_norm(name: str, norm: str) -> None:
    strong, noise = ({"name": each, "norm": norm, "eps": 0.1} for each in (name, "uniform"))
    cls = ATTACKS.load(name)
    compared = cls.bounded and cls.iterative
    assert verdicts_of(NOISE, check_rows([row(strong, 200), row(noise, 600)])) == {OK if compared else NOT_TESTED}
    assert verdicts_of(NOISE, check_rows([row(strong, 600), row(noise, 200)])) == {
        SUSPICIOUS if compared else NOT_TESTED
    }


@pytest.mark.parametrize("name", [name for name, cls in list_attacks().items() if cls.access in ("logits", "label")])
def test_every_attack_without_gradients_is_held_against_one_with_them(name: str) -> None:
    check, weak = "gradient >= gradient-free", {"name": name, "norm": "linf", "eps": "8/255"}
    assert verdicts_of(check, check_rows([ifgsm("8/255", 10, 600), row(weak, 200)])) == {SUSPICIOUS}
    assert verdicts_of(check, check_rows([fgsm("8/255", 600), row(weak, 200)])) == {NOT_TESTED}


def test_a_single_large_step_may_go_too_far() -> None:
    check = "more budget >= less"
    assert verdicts_of(check, check_rows([fgsm(0.05, 200), fgsm(0.1, 600)])) == {SUSPICIOUS}
    assert verdicts_of(check, check_rows([fgsm(0.05, 200), fgsm(0.2, 600)])) == {NOT_TESTED}
    assert verdicts_of(check, check_rows([ifgsm(0.05, 10, 200), ifgsm(0.2, 10, 600)])) == {SUSPICIOUS}
    assert verdicts_of(check, check_rows([ifgsm(0.05, 1, 200), ifgsm(0.2, 1, 600)])) == {NOT_TESTED}
    normalised = [fgsm(eps, robust, eps_space="normalized") for eps, robust in ((0.1, 200), (0.2, 600))]
    assert verdicts_of(check, check_rows(normalised)) == {SUSPICIOUS}, "0.2 of the normalised input is 0.1 in pixels"


@pytest.mark.parametrize(("eps", "verdict"), [(1.0, SUSPICIOUS), (1.6, SUSPICIOUS), (1.7, NOT_TESTED)])
def test_a_step_in_l2_is_large_by_what_it_changes_of_each_value(eps: float, verdict: str) -> None:
    """Of 16 x 16 values, a length of 1.6 changes each by 0.1."""
    cells = [fgsm(size, robust, norm="l2") for size, robust in ((0.5, 200), (eps, 600))]
    assert verdicts_of("more budget >= less", check_rows(cells)) == {verdict}


def test_a_few_images_more_are_chance_where_there_are_few() -> None:
    def cells(examples: int, strong: int, weak: int) -> list[dict[str, Any]]:
        counts = {"examples": examples, "clean_correct": examples}
        return [ifgsm("8/255", 10, strong, **counts), row({"name": "square", "eps": "8/255"}, weak, **counts)]

    assert verdicts_of("gradient >= gradient-free", check_rows(cells(40, 12, 10))) == {OK}
    assert verdicts_of("gradient >= gradient-free", check_rows(cells(4000, 1200, 1000))) == {SUSPICIOUS}


def test_a_curve_that_does_not_fall_is_a_mask() -> None:
    check = "no flat curve"
    assert verdicts_of(check, check_rows([ifgsm("4/255", 10, 900), ifgsm("32/255", 10, 898)])) == {SUSPICIOUS}
    assert verdicts_of(check, check_rows([ifgsm("4/255", 10, 900), ifgsm("32/255", 10, 500)])) == {OK}
    assert verdicts_of(check, check_rows([ifgsm("4/255", 10, 3), ifgsm("32/255", 10, 0)])) == {OK}, "nothing is left"
    small = check_rows([ifgsm("1/255", 10, 900), ifgsm("2/255", 10, 899)])
    assert verdicts_of(check, small) == {NOT_TESTED}, "a sound model may ignore as little"


def test_a_new_attack_is_the_strong_side_of_every_check_by_its_class_alone() -> None:
    cells = ((0.1, 5, 605), (0.1, 10, 600), (0.5, 10, 600))
    with registered(FastSettings):
        fast = [row({"name": "fast", "eps": eps, "steps": steps}, robust) for eps, steps, robust in cells]
    weak = [row({"name": name, "eps": 0.1}, 200) for name in ("fgsm", "uniform", "square")]
    transfer = row({"name": "ifgsm", "eps": 0.1, "surrogate": SURROGATE}, 200)
    with registered(FastSettings):
        found = check_rows([*fast, *weak])
        assert verdicts_of("white-box >= transfer", check_rows([*fast, transfer])) == {SUSPICIOUS}
    of_one = [verdict for verdict in found if fast[1]["trial_id"] in verdict.trials]
    assert {verdict.check: verdict.verdict for verdict in of_one if verdict.verdict != NOT_TESTED} == {
        "iterative >= single step": SUSPICIOUS,
        "more budget >= less": OK,
        "white-box >= noise": SUSPICIOUS,
        "gradient >= gradient-free": SUSPICIOUS,
        "budget reached": OK,
        "clean accuracy above chance": OK,
        "deterministic": OK,
        "end of its curve": OK,
        "lowest of its budget": UPPER_BOUND,
        "eps_train reached": OK,
        "gradients present": OK,
        "no flat curve": SUSPICIOUS,
        "robust <= clean": OK,
    }
    assert verdicts_of("chance at a large budget", found) == {SUSPICIOUS}
    assert verdicts_of("attack known", found) == set()
    forgotten = check_rows([*fast, *weak])
    assert verdicts_of("attack known", forgotten) == {NOT_TESTED}
    assert verdicts_of("white-box >= noise", forgotten) == {NOT_TESTED}


def test_what_is_compared_is_said_with_its_numbers_trials_and_cause() -> None:
    rows = [ifgsm("8/255", 10, 600), fgsm("8/255", 200)]
    (found,) = (each for each in check_rows(rows) if each.check == "iterative >= single step")
    assert found.figures == "ifgsm eps 8/255, 10 steps: 60.0%; fgsm eps 8/255, 1 step: 20.0%"
    assert found.trials == (rows[0]["trial_id"], rows[1]["trial_id"])
    assert found.cause == "one step finds more than many: gradients change so fast that following them leads astray"
    (sound,) = (each for each in check_rows([ifgsm("8/255", 10, 200), rows[1]]) if each.check == found.check)
    assert (sound.verdict, sound.cause) == (OK, "")


def test_the_strongest_attack_at_the_same_budget_and_norm_is_compared() -> None:
    check, weak = "iterative >= single step", fgsm("8/255", 300)
    strong = [ifgsm("8/255", 10, 600), ifgsm("8/255", 20, 200), ifgsm("8/255", 5, 400)]
    expected = [(OK, "ifgsm eps 8/255, 20 steps: 20.0%; fgsm eps 8/255, 1 step: 30.0%")]
    assert tell(check, [*strong, weak]) == tell(check, [weak, *strong[::-1]]) == expected
    needs = [(NOT_TESTED, "needs an attack of one step and an iterative attack at the same budget")]
    assert tell(check, [ifgsm("4/255", 10, 600), weak]) == needs
    assert tell(check, [row({"name": "pgd", "norm": "l2", "eps": "8/255", "steps": 9}, 600), weak]) == needs


@pytest.mark.parametrize(("strong", "verdict"), [(30_900, OK), (31_100, SUSPICIOUS)])
def test_a_point_of_accuracy_may_be_missed(strong: int, verdict: str) -> None:
    many = {"examples": 100_000, "clean_correct": 95_000}
    weak = row({"name": "fgsm", "eps": "8/255"}, 30_000, **many)
    found = check_rows([ifgsm("8/255", 10, strong, **many), weak])
    assert verdicts_of("iterative >= single step", found) == {verdict}


def test_budgets_are_compared_with_their_neighbours_and_by_their_steps() -> None:
    check = "more budget >= less"
    rows = [ifgsm("8/255", 10, 400), ifgsm("2/255", 10, 500), ifgsm("4/255", 10, 600), ifgsm("16/255", 20, 900)]
    assert tell(check, rows) == [
        (OK, "ifgsm eps 8/255, 10 steps: 40.0%; ifgsm eps 4/255, 10 steps: 60.0%"),
        (SUSPICIOUS, "ifgsm eps 4/255, 10 steps: 60.0%; ifgsm eps 2/255, 10 steps: 50.0%"),
    ]
    assert tell(check, rows[2:]) == [(NOT_TESTED, "needs two budgets of one attack")]


@pytest.mark.parametrize(
    ("change", "eps", "verdict"),
    [
        ({}, 1.7, NOT_TESTED),
        ({"channels": 3}, 2.7, SUSPICIOUS),
        ({"channels": 3}, 2.8, NOT_TESTED),
        ({"image_size": None}, 2.7, SUSPICIOUS),
        ({"image_size": None}, 2.9, NOT_TESTED),
    ],
)
def test_how_far_a_step_in_l2_goes_depends_on_the_size_of_the_image(
    change: dict[str, Any], eps: float, verdict: str
) -> None:
    """768 values of three channels; 784 where the configuration does not say: a length of 2.8 changes each by 0.1."""
    cells = [fgsm(size, robust, norm="l2") for size, robust in ((0.5, 200), (eps, 600))]
    for cell in cells:
        config = json.loads(cell["config"])
        cell["config"] = json.dumps(config | {"dataset": config["dataset"] | change})
    assert verdicts_of("more budget >= less", check_rows(cells)) == {verdict}


@pytest.mark.parametrize(
    ("std", "eps", "verdict"),
    [(0.25, 0.4, SUSPICIOUS), (0.25, 0.44, NOT_TESTED), ([0.1, 0.2], 0.19, SUSPICIOUS), ([0.1, 0.2], 0.22, NOT_TESTED)],
)
def test_a_budget_of_normalised_pixels_is_measured_by_the_deviation(std: Any, eps: float, verdict: str) -> None:
    """Of several deviations, one of a half is taken."""
    cells = [fgsm(size, robust, eps_space="normalized") for size, robust in ((0.05, 200), (eps, 600))]
    for cell in cells:
        config = json.loads(cell["config"])
        cell["config"] = json.dumps(config | {"model": config["model"] | {"std": std}})
    assert verdicts_of("more budget >= less", check_rows(cells)) == {verdict}


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ([("8/255", 10, 900), ("16/255", 10, 899)], SUSPICIOUS),
        ([("7/255", 10, 900), ("15/255", 10, 899)], NOT_TESTED),
        ([("9/255", 10, 900), ("16/255", 10, 899)], NOT_TESTED),
        ([("4/255", 10, 900), ("16/255", 20, 899)], NOT_TESTED),
        ([("4/255", 10, 900), ("32/255", 10, 896)], SUSPICIOUS),
        ([("4/255", 10, 900), ("32/255", 10, 894)], OK),
        ([("4/255", 10, 203), ("32/255", 10, 201)], SUSPICIOUS),
        ([("4/255", 10, 202), ("32/255", 10, 200)], OK),
        ([("32/255", 10, 499), ("2/255", 10, 900), ("8/255", 10, 500)], OK),
    ],
)
def test_a_large_budget_is_held_against_the_smallest_of_half_its_size(
    cells: list[tuple[str, int, int]], verdict: str
) -> None:
    assert verdicts_of("no flat curve", check_rows([ifgsm(*cell) for cell in cells])) == {verdict}


def test_a_flat_curve_says_its_numbers_or_what_it_takes() -> None:
    (flat,) = tell("no flat curve", [ifgsm("32/255", 10, 899), ifgsm("4/255", 10, 900)])
    assert flat == (SUSPICIOUS, "ifgsm eps 4/255, 10 steps: 90.0%; ifgsm eps 32/255, 10 steps: 89.9%")
    (needs,) = tell("no flat curve", [row({"name": "pgd", "norm": "l2", "eps": e, "steps": 9}, 900) for e in (0.1, 1)])
    assert needs == (NOT_TESTED, "needs an iterative attack at eps 16/255 or more, and at half of it or less")


@pytest.mark.parametrize(
    ("classes", "robust", "verdict", "chance"),
    [(10, 150, OK, "10.0%"), (10, 151, SUSPICIOUS, "10.0%"), (4, 300, OK, "25.0%"), (4, 301, SUSPICIOUS, "25.0%")],
)
def test_a_budget_that_erases_leaves_little_more_than_chance(
    classes: int, robust: int, verdict: str, chance: str
) -> None:
    (found,) = tell("chance at a large budget", [ifgsm(0.5, 20, robust, classes=classes)])
    assert found == (verdict, f"ifgsm eps 0.5, 20 steps: {robust / 10:.1f}%; chance {chance}")


def test_no_budget_erases_an_image_in_l2_and_none_below_a_half_in_linf() -> None:
    needs = [(NOT_TESTED, "needs an iterative attack at eps 0.5 in linf")]
    assert tell("chance at a large budget", [row({"name": "pgd", "norm": "l2", "eps": 9, "steps": 9}, 900)]) == needs
    assert tell("chance at a large budget", [ifgsm(0.49, 20, 900)]) == needs


def test_attacks_that_nobody_has_registered_are_named_once_each() -> None:
    rows = [ifgsm("8/255", 10, 200) | {"attack": name, "trial_id": place}
            for place, name in enumerate(("old_one", "another", "old_one"))]  # fmt: skip
    (found,) = tell("attack known", [*rows, ifgsm("4/255", 10, 300)])
    assert found == (NOT_TESTED, "needs another, old_one among the registered attacks")
