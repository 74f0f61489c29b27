"""What a model shows of itself stands in the verdicts on all of its numbers."""

from __future__ import annotations

from orchestrator.results.checks.verdict import SUSPICIOUS
from orchestrator.results.verdicts import check_rows
from tests.support.rows import ifgsm, verdicts_of


def test_masked_and_random_models_are_noticed() -> None:
    assert verdicts_of("gradients present", check_rows([ifgsm("8/255", 10, 200, zero_gradients=200)])) == {SUSPICIOUS}
    assert verdicts_of("deterministic", check_rows([ifgsm("8/255", 10, 200, deterministic=False)])) == {SUSPICIOUS}
