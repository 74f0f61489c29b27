"""Run stages and publish what they made: the one entry for workers, tests and `python -m tasks`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch

from tasks.arithmetic import release_memory, use_tf32
from tasks.certificates.registry import is_certificate
from tasks.evaluation.settings import AttackSettings
from tasks.kinds import Kind
from tasks.stages import condition, generator, prune, train
from tasks.stages.attack import run_attack, save_examples
from tasks.stages.certificate import run_certificate
from tasks.stages.context import Context, StageOutcome, collect_versions
from tasks.temporary import remove_temporary_folder
from tasks.trial.chain import Stage

Record = dict[str, Any]
"""The content of a `stage.json`."""
WORK: dict[Kind, Callable[[Stage, Context, Path], StageOutcome]] = {
    "prune": prune.run_prune,
    "condition": condition.run_condition,
    "generator": generator.run_generator,
}
"""Kind -> what makes such a stage; the others train a model."""


def run_stages(stages: Sequence[Stage], context: Context) -> list[Record]:
    """Compute stages that share one run, publish each, return their records in order.

    The upstream of every stage is in the store already.
    """
    torch.set_num_threads(context.threads)
    torch.set_deterministic_debug_mode("warn")  # torch's other name for it imports its compiler, which takes a second
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        with use_tf32(False):
            return _run_exactly(stages, context)
    finally:
        release_memory(context.get_device())


def _run_exactly(stages: Sequence[Stage], context: Context) -> list[Record]:
    clock = _Clock()
    if stages[0].kind == "attack":
        run = run_certificate if is_certificate(cast(AttackSettings, stages[0].settings).method) else run_attack
        results = run(stages, context)
        shared = {"shared_by": len(stages)}
        return [
            _publish(stage, context, clock, {**metrics, **shared}, partial(save_examples, stage=stage, result=result))
            for stage, (result, metrics) in zip(stages, results, strict=True)
        ]
    (stage,) = stages
    work = WORK.get(stage.kind, train.run_train)
    return [_publish(stage, context, clock, {}, partial(work, stage, context))]


class _Clock:
    """When a run began."""

    def __init__(self) -> None:
        self.started_at = datetime.now(timezone.utc)
        self._started = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self._started


def _publish(
    stage: Stage,
    context: Context,
    clock: _Clock,
    outcome: Record,
    write: Callable[[Path], Record | None],
) -> Record:
    draft = context.store.make_draft()
    try:
        outcome = {**outcome, **(write(draft) or {})}
        return context.store.publish(stage.key, draft, _build_record(stage, context, clock, outcome))
    finally:
        remove_temporary_folder(draft)


def _build_record(stage: Stage, context: Context, clock: _Clock, outcome: Record) -> Record:
    trained_before = outcome.get("training_seconds", 0.0)
    return {
        **stage.identity,
        "model_settings": stage.model.describe(),
        "sweep_id": context.sweep_id,
        "device": str(context.get_device()),
        "threads": context.threads,
        "versions": collect_versions(),
        "seconds": max(clock.seconds(), trained_before),
        "started_at": clock.started_at.isoformat(),
        "finished_at": datetime.now(timezone.utc).isoformat(),
        "metrics": {},
        **outcome,
        "settings": stage.settings.describe(),
    }


def run_chain(chain: Sequence[Stage], context: Context) -> dict[str, Record]:
    """The records of a whole chain by key, computing what is not in the store."""
    return {
        stage.key: context.store.read_record(stage.key)
        if context.store.has(stage.key)
        else run_stages([stage], context)[0]
        for stage in chain
    }
