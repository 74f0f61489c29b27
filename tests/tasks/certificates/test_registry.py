"""Certificates in the place of an attack: what is refused, what is shared, and what stands in the rows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.space import space as spaces
from tasks.certificates.base import CertificateSettings
from tasks.certificates.registry import CERTIFICATES, METHODS, find_method
from tasks.errors import UsageError
from tasks.settings_problems import describe_problems
from tasks.trial.chain import make_run_key
from tasks.trial.row import make_failed_row
from tasks.trial.trial import Trial
from tests.conftest import CONFIG
from tests.support import small
from tests.support.checkout import ROOT

NOISE: dict[str, Any] = {"transformations": [{"name": "noise", "sigma": 0.2}], "answer": "vote", "samples": 9}
SMOOTHING: dict[str, Any] = {"name": "randomized_smoothing", "eps": 0.25}
BOUNDS: dict[str, Any] = {"name": "interval_bounds", "eps": "1/255"}


@pytest.mark.parametrize("name", sorted(CERTIFICATES))
def test_a_certificate_is_a_documented_lower_bound_with_a_paper(name: str) -> None:
    cls = CERTIFICATES.load(name)
    assert issubclass(cls, CertificateSettings)
    assert cls.bound == "lower"
    assert cls.model_fields["name"].default == name
    assert re.fullmatch(r".+ \d{4}, arXiv \d{4}\.\d{4,5}", cls.paper)
    line = f"| `{name}` | {', '.join(cls.norms())} |"
    assert line in (ROOT / "docs" / "certificates.md").read_text()
    assert find_method(name) is METHODS.load(name) is cls
    assert cls.paper in (ROOT / "docs" / "certificates.md").read_text()


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"attack": SMOOTHING}, "attack.sigma: is missing: randomized_smoothing needs it"),
        (
            {"attack": {**SMOOTHING, "sigma": 0.1}, "inference": NOISE},
            "attack.sigma = 0.1: is not that of the noise in `inference`, 0.2",
        ),
        (
            {"attack": SMOOTHING, "inference": {**NOISE, "answer": "mean"}},
            "attack.name = 'randomized_smoothing': certifies the vote of a model under noise alone, not noise",
        ),
        ({"attack": SMOOTHING, "inference": {**NOISE, "transformations": [{"name": "jpeg"}]}}, "noise alone"),
        ({"attack": BOUNDS, "inference": NOISE}, "the model itself"),
        ({"attack": {**BOUNDS, "eps": 8}}, "did you mean 8/255"),
        ({"attack": {**BOUNDS, "surrogate": {"model": {"name": "resnet8"}}}}, "leave `surrogate` out"),
        ({"attack": {**BOUNDS, "name": "interval_bonds"}}, "did you mean 'interval_bounds'"),
        ({"attack": {**SMOOTHING, "sigma": 0}}, "greater than 0"),
        ({"train": {"epochs": 1, "optimizer": small.SGD, "validation_attack": BOUNDS}}, "unknown attack"),
    ],
)
def test_what_cannot_be_certified_is_refused(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        small.trial(**sections)
    (problem,) = describe_problems(caught.value, Trial, "")
    assert message in str(problem)


def test_sigma_is_that_of_the_inference_and_the_vote_shares_its_stage_whatever_its_looks() -> None:
    first, second = (small.trial(attack=SMOOTHING, inference={**NOISE, "samples": looks}) for looks in (9, 25))
    alone = small.trial(attack={**SMOOTHING, "sigma": 0.2})
    keys = {small.stages_of(trial)[-1].key for trial in (first, second, alone)}
    assert len(keys) == 1
    rows = [make_failed_row(trial, small.stages_of(trial), "") for trial in (first, alone)]
    assert [row["transformations"] for row in rows] == ["noise(sigma 0.2) by vote x9", "noise(sigma 0.2) by vote"]
    assert {row["bound"] for row in rows} == {"lower"}


@pytest.mark.parametrize("section", [{**SMOOTHING, "sigma": 0.2}, BOUNDS])
def test_budgets_are_stages_of_one_run(section: dict[str, Any]) -> None:
    stages = [small.stages_of(small.trial(attack={**section, "eps": eps}))[-1] for eps in (0, 0.1, 0.2)]
    assert len({stage.key for stage in stages}) == 3
    assert len({make_run_key(stage) for stage in stages}) == 1


def test_a_space_knows_the_sigma_of_each_of_its_trials() -> None:
    noises = [{**NOISE, "transformations": [{"name": "noise", "sigma": sigma}]} for sigma in (0.1, 0.3)]
    content = {**CONFIG, "inference": {"grid_search": noises}, "attack": SMOOTHING}
    space = spaces.build("test", "test", content)
    found = [trial.attack.method for trial in space.trials]
    assert sorted(getattr(method, "sigma", None) or 0 for method in found) == [0.1, 0.3]
    with pytest.raises(UsageError, match=r"attack\.sigma: is missing"):
        spaces.build("test", "test", {**CONFIG, "attack": SMOOTHING})
