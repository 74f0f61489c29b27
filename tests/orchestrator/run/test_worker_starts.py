"""How the starts of workers go, apart from any pool."""

from __future__ import annotations

import pytest
import ray.exceptions

from orchestrator.run.worker_starts import MOST_FAILURES, MOST_SHORTAGES, WorkerStarts


@pytest.mark.parametrize(
    ("error", "most"), [(ValueError("bad"), MOST_FAILURES), (ray.exceptions.OutOfMemoryError("full"), MOST_SHORTAGES)]
)
def test_only_starts_that_fail_one_after_another_count(error: Exception, most: int) -> None:
    starts = WorkerStarts(lambda: None)
    for _ in range(3):
        for _ in range(most - 1):
            starts.note_failure(error)
        assert starts.problem is None
        starts.note_success()
        assert starts.find_standstill(0, 0) is None
    for _ in range(most):
        starts.note_failure(error)
    assert (starts.problem or "").startswith("no worker can start: ")
