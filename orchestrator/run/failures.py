"""What a run died of: its own error, a lost worker, memory that ran out, or the time that it may take."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ray.exceptions import (
    ActorUnavailableError,
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    WorkerCrashedError,
)

from tasks.errors import NO_MEMORY

LOST = (RayActorError, NodeDiedError, WorkerCrashedError, ActorUnavailableError, OutOfMemoryError)
"""What a run dies of when its process or its node is gone."""


class FailureKind(Enum):
    """How a run ended. Each has a budget of its own."""

    DONE = "done"
    FAILED = "failed"
    """By an error of the stage, or because it took too long."""
    PREEMPTED = "preempted"
    """Its worker or its node was lost, which says nothing about the stage."""
    NO_MEMORY = "out of memory"


class KilledForMemoryError(Exception):
    """A worker died while the kernel of its node killed something for memory."""


class StageTimeoutError(Exception):
    """A run took longer than its kind of stage may."""


def classify_failure(error: BaseException | None) -> FailureKind:
    """How a run that raised this ended."""
    if error is None:
        return FailureKind.DONE
    cause = find_cause(error)
    if isinstance(cause, (OutOfMemoryError, KilledForMemoryError, MemoryError)):
        return FailureKind.NO_MEMORY
    if isinstance(error, LOST):
        return FailureKind.PREEMPTED
    text = f"{type(cause).__name__}: {cause}"
    if isinstance(cause, RuntimeError) and ("OutOfMemoryError" in text or NO_MEMORY.search(text)):
        return FailureKind.NO_MEMORY
    return FailureKind.FAILED


def find_cause(error: BaseException) -> BaseException:
    """What the stage itself raised, without Ray's wrapping."""
    cause: Any = getattr(error, "cause", None)
    return cause if isinstance(cause, BaseException) else error


def format_message(error: BaseException) -> str:
    """One line for people and for the rows of trials."""
    cause = find_cause(error)
    if isinstance(cause, StageTimeoutError):
        return str(cause)
    lines = str(cause).strip().splitlines()
    if getattr(cause, "actor_init_failed", False):
        return lines[-1]  # before it Ray puts the traceback of the constructor
    first = next(iter(lines), "")
    text = f"{type(cause).__name__}: {first}".rstrip(": ")
    return f"out of memory: {text}" if classify_failure(error) is FailureKind.NO_MEMORY else text
