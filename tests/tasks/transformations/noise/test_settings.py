"""How much noise may be asked for, wherever noise is."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.settings_problems import describe_problems
from tasks.trial.trial import Trial
from tests.support.small import trial
from tests.support.training import TRAIN

PGD = {"name": "pgd", "eps": 0.1}
PLACES = [
    ("train.objective.sigma", lambda sigma: {"train": {**TRAIN, "objective": {"name": "noise", "sigma": sigma}}}),
    (
        "train.objective.sigma",
        lambda sigma: {"train": {**TRAIN, "objective": {"name": "smooth_adv", "sigma": sigma, "attack": PGD}}},
    ),
    (
        "inference.transformations.0.sigma",
        lambda sigma: {"inference": {"transformations": [{"name": "noise", "sigma": sigma}]}},
    ),
    ("attack.sigma", lambda sigma: {"attack": {"name": "randomized_smoothing", "eps": 0.1, "sigma": sigma}}),
]


@pytest.mark.parametrize(("path", "write"), PLACES)
def test_noise_that_no_image_needs_is_refused_with_what_may_be_meant(path: str, write: Any) -> None:
    too_much = "no image of [0, 1] needs noise of a standard deviation above 4"
    for sigma, hint in ((64, "; did you mean 64/255?"), (300, "")):
        with pytest.raises(ValidationError) as caught:
            trial(**write(sigma))
        (problem,) = describe_problems(caught.value, Trial, "")
        assert (problem.path, problem.message) == (path, too_much + hint)
    trial(**write(4))
