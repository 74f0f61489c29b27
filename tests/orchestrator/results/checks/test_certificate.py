"""A certificate that an attack undercuts is an alarm, image by image, unless chance explains it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.results.checks import certificate as certificates
from orchestrator.results.checks.certificate import CHECK
from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS
from orchestrator.results.headline import find_best
from orchestrator.results.pivot import build_pivot
from orchestrator.results.verdicts import annotate_rows, check_rows
from tests.support.certified_rows import IMAGES, StoredImages, attack, certificate
from tests.support.rows import verdicts_of


def judge(fooled: int, margin: float, said: int = 1) -> set[str]:
    """What the check says where some images are fooled whose radius exceeds the perturbation by a margin."""
    size = 0.1
    read = StoredImages(
        randomized_smoothing={"clean_prediction": [said] * IMAGES, "radius": [size + margin] * IMAGES},
        pgd={"adversarial_prediction": [0] * fooled + [1] * (IMAGES - fooled), "l2": [size] * IMAGES},
    )
    return verdicts_of(CHECK, check_rows([certificate(), attack()], read))


@pytest.mark.parametrize(
    ("fooled", "margin", "verdict"),
    [(0, 0.2, OK), (IMAGES, 0.2, SUSPICIOUS), (IMAGES, -0.01, OK), (1, 3.0, OK), (4, 3.0, SUSPICIOUS), (12, 0.2, OK),
     (26, 0.2, SUSPICIOUS)],
)  # fmt: skip
def test_an_attack_within_the_radius_is_an_alarm(fooled: int, margin: float, verdict: str) -> None:
    """A wrong certificate in 1,000 is to be expected, and of a single look 0.21 at a margin of 0.8 sigma."""
    assert judge(fooled, margin) == {verdict}


def test_images_that_are_certified_for_another_class_say_nothing() -> None:
    assert judge(IMAGES, 0.2, said=-1) == {OK}


def test_images_are_compared_by_their_place_in_the_split() -> None:
    """The attack has seen images 20 to 59, of which none has a certificate, though those before have."""
    read = StoredImages(
        randomized_smoothing={"clean_prediction": [1] * IMAGES, "radius": [1.0] * 20 + [0.0] * 20},
        pgd={"index": list(range(59, 19, -1)), "adversarial_prediction": [0] * IMAGES, "l2": [0.1] * IMAGES},
    )
    assert verdicts_of(CHECK, check_rows([certificate(), attack()], read)) == {OK}


def test_both_rows_bear_the_alarm() -> None:
    read = StoredImages(
        randomized_smoothing={"clean_prediction": [1] * IMAGES, "radius": [1.0] * IMAGES},
        pgd={"adversarial_prediction": [0] * IMAGES, "l2": [0.1] * IMAGES},
    )
    marked = annotate_rows([certificate(), attack()], read)
    assert {each["verdict"] for each in marked} == {SUSPICIOUS}
    assert all("certified radius" in each["verdict_reason"] for each in marked)


@pytest.mark.parametrize("other", [{"transformations": "jpeg"}, {"attack_norm": "linf"}, {"examples": 10}])
def test_only_attacks_on_the_same_classifier_in_the_same_norm_are_compared(other: dict[str, Any]) -> None:
    assert verdicts_of(CHECK, check_rows([certificate(), attack(**other)], StoredImages())) == {NOT_TESTED}


def test_a_lower_bound_is_in_no_worst_case_and_no_headline() -> None:
    """An attack that leaves 500 beside a certificate of 400: at most 500 are robust, at least 400."""
    rows = [certificate(400), attack(500)]
    proven, attacked = annotate_rows(rows)
    assert attacked["worst_case_correct"] == 500
    assert proven["worst_case_correct"] is None
    assert {row["bound"] for row in rows} == {"lower", "upper"}
    best = find_best(rows)
    assert best is not None
    assert (best.robust, best.attacks) == ((0.5,), 1)
    assert find_best(rows[:1]) is None


def test_results_name_a_certified_column_as_such() -> None:
    labels = {threat.label for threat in build_pivot([certificate(), attack()]).threats.values()}
    assert labels == {"certified randomized_smoothing 0.25", "pgd 0.25"}


def test_the_looks_are_those_of_the_attacked_answer() -> None:
    """A vote of 100 looks hardly ever misses the class of a single one that misses it in 0.21 of all cases."""
    read = StoredImages(
        randomized_smoothing={"clean_prediction": [1] * IMAGES, "radius": [0.3] * IMAGES},
        pgd={"adversarial_prediction": [0] * 12 + [1] * (IMAGES - 12), "l2": [0.1] * IMAGES},
    )
    for samples, verdict in ((1, OK), (100, SUSPICIOUS)):
        config = json.loads(attack()["config"]) | {"inference": {"answer": "vote", "samples": samples}}
        rows = [certificate(), attack(config=json.dumps(config))]
        assert verdicts_of(CHECK, check_rows(rows, read)) == {verdict}


def test_trials_that_share_the_stage_of_a_certificate_share_its_verdict() -> None:
    """One stands behind the vote of 25 looks, which was attacked, one behind nothing."""
    read = StoredImages(
        randomized_smoothing={"clean_prediction": [1] * IMAGES, "radius": [1.0] * IMAGES},
        pgd={"adversarial_prediction": [0] * IMAGES, "l2": [0.1] * IMAGES},
    )
    many: dict[str, Any] = {"transformations": "noise(sigma 0.25) by vote x25"}
    bare = certificate(transformations="noise(sigma 0.25) by vote", trial_id="bare")
    rows = [bare, certificate(**many, trial_id="behind"), attack(**many)]
    assert [row["verdict"] for row in annotate_rows(rows, read)] == [SUSPICIOUS] * 3
    other = [{**bare, "attack_key": "another"}, *rows[1:]]
    found = [verdict.verdict for verdict in check_rows(other, read) if "bare" in verdict.trials]
    assert found == [NOT_TESTED]


@pytest.mark.parametrize(
    ("fooled", "expected", "real"),
    [
        (0, 0.0, False),
        (1, 0.0, True),
        (5, 5.0, False),
        (6, 1.0, False),
        (7, 1.0, True),
        (23, 10.0, False),
        (24, 10.0, True),
    ],
)
def test_more_images_than_chance_explains_are_a_conflict(fooled: int, expected: float, real: bool) -> None:
    """The bound of Chernoff: seven where one is expected come about less often than once in a thousand."""
    assert certificates._Conflict(100, fooled, expected).is_real is real
