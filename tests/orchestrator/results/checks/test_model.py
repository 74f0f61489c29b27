"""What a model shows of itself stands in the verdicts on all of its numbers."""

from __future__ import annotations

from orchestrator.results.checks.verdict import OK, SUSPICIOUS
from orchestrator.results.verdicts import check_rows
from tests.support.rows import ifgsm, verdicts_of


def test_masked_and_random_models_are_noticed() -> None:
    assert verdicts_of("gradients present", check_rows([ifgsm("8/255", 10, 200, zero_gradients=200)])) == {SUSPICIOUS}
    assert verdicts_of("deterministic", check_rows([ifgsm("8/255", 10, 200, deterministic=False)])) == {SUSPICIOUS}


def test_training_that_has_collapsed_under_a_single_step_is_noticed() -> None:
    def verdicts(**metrics: object) -> set[str]:
        found = ifgsm("8/255", 10, 200) | {"catastrophic_overfitting_epoch": None, "robust_train_accuracy": None}
        return verdicts_of("no catastrophic overfitting", check_rows([found | metrics]))

    assert verdicts(catastrophic_overfitting_epoch=3, robust_train_accuracy=0.01) == {SUSPICIOUS}
    assert verdicts(robust_train_accuracy=0.4) == {OK}
    assert verdicts() == set(), "nobody has looked"
