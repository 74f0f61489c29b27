"""How often a job is tried again, by what ended its runs."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.run.failures import FailureKind
from orchestrator.run.retry_policy import RetryPolicy


@pytest.mark.parametrize(
    ("how", "most"),
    [(FailureKind.FAILED, 2), (FailureKind.PREEMPTED, 5), (FailureKind.NO_MEMORY, 3)],
)
def test_each_way_to_end_has_a_budget_of_its_own(how: FailureKind, most: int) -> None:
    policy = RetryPolicy(max_failures=2, max_preemptions=5, max_out_of_memory=3)
    for times in range(8):
        others = {other: 100 for other in FailureKind if other is not how}
        node = cast(Any, SimpleNamespace(ended=Counter({**others, how: times})))
        assert policy.allows_retry(node, how) is (times <= most)


def test_the_budgets_where_nobody_says_another() -> None:
    policy = RetryPolicy()
    assert (policy.max_failures, policy.max_preemptions, policy.max_out_of_memory, policy.breaker) == (1, 10, 1, 3)
    assert policy.timeouts == {}
