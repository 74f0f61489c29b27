"""What a run died of, by the error that it left."""

from __future__ import annotations

import pytest
from ray.exceptions import ActorUnavailableError, NodeDiedError, OutOfMemoryError, WorkerCrashedError

from orchestrator.run.failures import (
    FailureKind,
    KilledForMemoryError,
    StageTimeoutError,
    classify_failure,
    find_cause,
    format_message,
)


class WrappedError(Exception):
    """What Ray makes of a task's own error."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__("traceback\nof many lines")
        self.cause = cause


class LateError(Exception):
    """An actor whose constructor failed."""

    actor_init_failed = True


DONE, FAILED, PREEMPTED, NO_MEMORY = (
    FailureKind.DONE, FailureKind.FAILED, FailureKind.PREEMPTED, FailureKind.NO_MEMORY,
)  # fmt: skip
CUDA = RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (None, DONE, None),
        (ValueError("no such layer\nsecond line"), FAILED, "ValueError: no such layer"),
        (ValueError(""), FAILED, "ValueError"),
        (ValueError("out of memory"), FAILED, "ValueError: out of memory"),
        (WrappedError(ValueError("inside")), FAILED, "ValueError: inside"),
        (StageTimeoutError("train took longer than 5 s"), FAILED, "train took longer than 5 s"),
        (NodeDiedError("gone"), PREEMPTED, None),
        (WorkerCrashedError(), PREEMPTED, None),
        (ActorUnavailableError("away", None), PREEMPTED, None),
        (OutOfMemoryError("the node was short"), NO_MEMORY, None),
        (KilledForMemoryError("by its kernel"), NO_MEMORY, "out of memory: KilledForMemoryError: by its kernel"),
        (MemoryError("array"), NO_MEMORY, "out of memory: MemoryError: array"),
        (WrappedError(MemoryError("array")), NO_MEMORY, "out of memory: MemoryError: array"),
        (CUDA, NO_MEMORY, f"out of memory: RuntimeError: {CUDA}"),
        (RuntimeError("[enforce] DefaultCPUAllocator: can't allocate memory"), NO_MEMORY, None),
        (RuntimeError("std::bad_alloc"), NO_MEMORY, None),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"), NO_MEMORY, None),
        (RuntimeError("shapes differ"), FAILED, "RuntimeError: shapes differ"),
        (LateError("traceback\nValueError: of the constructor"), FAILED, "ValueError: of the constructor"),
    ],
)
def test_an_error_says_how_the_run_ended_and_in_one_line_why(
    error: BaseException | None, kind: FailureKind, message: str | None
) -> None:
    assert classify_failure(error) is kind
    if error is not None and message is not None:
        assert format_message(error) == message


def test_the_cause_is_what_the_stage_raised() -> None:
    inside = ValueError("inside")
    assert find_cause(WrappedError(inside)) is inside
    assert find_cause(inside) is inside
