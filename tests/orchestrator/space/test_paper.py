"""What a space says of a paper: every mistake is told before anything starts."""

from __future__ import annotations

import pytest

from orchestrator.space import space as spaces
from orchestrator.space.matching import Matcher
from orchestrator.space.paper import ReportedNumber
from tasks.errors import UsageError
from tasks.trial.chain import build_chain
from tasks.trial.row import make_failed_row


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("reference=[{match: {atack: fgsm}, clean_accuracy: 0.5}]", r"reference.0.match.atack.*did you mean 'attack'"),
        ("reference=[{match: {attack: fgsm}, clean_acuracy: 0.5}]", r"clean_acuracy.*did you mean 'clean_accuracy'"),
        ("reference=[{match: {attack: fgsm}, clean_accuracy: 98.4}]", r"reference.0.clean_accuracy.*98.4"),
        ("reference=[{match: {attack: fgsm}}]", "has no number: clean_accuracy, robust_accuracy"),
        ("reference=[{match: {}, train_loss: 0.2, epoch: 1}]", "stage, epoch and one of train_loss.* go together"),
        (
            "reference=[{match: {}, clean_accuracy: 0.2, stage: train, epoch: 1}]",
            "stage, epoch and one of .* go together",
        ),
        ("reference=[{match: {}, train_loss: 0.2, stage: prune, epoch: 1}]", "reference.0.stage.*choose from"),
        ("reference=[{match: {}, train_loss: 0.2, stage: train, epoch: 0}]", "reference.0.epoch.*1"),
        ("claims=[{says: x, of: accuracy, higher: {}, lower: {}}]", r"claims.0.of"),
        ("claims=yes", "not a list"),
    ],
)
def test_a_mistake_about_the_paper_is_told_before_anything_starts(override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        spaces.load("smoke", [override])


def test_a_number_that_is_zero_counts_as_one() -> None:
    """A model that withstands nothing."""
    found = ReportedNumber.model_validate({"match": {}, "robust_accuracy": 0.0})
    assert list(found.list_numbers(("clean_accuracy", "robust_accuracy"))) == [("robust_accuracy", 0.0)]


@pytest.mark.parametrize("name", ["fastat", "smoothing", "transformations"])
def test_the_claims_of_a_shipped_space_are_about_trials_of_it(name: str) -> None:
    space = spaces.load(name)
    rows = [make_failed_row(trial, build_chain(trial, "0" * 64), "") | {"status": "finished"} for trial in space.trials]
    matcher = Matcher(rows)
    assert space.paper.claims
    for claim in space.paper.claims:
        assert matcher.matching(claim.higher), claim.says
        assert matcher.matching(claim.lower), claim.says
