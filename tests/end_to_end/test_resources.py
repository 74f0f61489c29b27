"""Stages of different kinds hold different resources, on a real cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import sleeping
from benchmarks.sleepers import SECONDS, SleepingWorker
from orchestrator.space.resources import ResourceTable
from tasks.trial.chain import Stage
from tests.conftest import SMALL_SPACE
from tests.support.harness import advsweep, ended, executions, wait_until
from tests.support.parted_workers import part_workers

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


def test_what_no_machine_here_can_give_is_refused(tmp_path: Path) -> None:
    refused = advsweep("launch", "--space", "smoke", "--storage", tmp_path, "--cpus-per-trial", "4096", code=2)
    assert "train asks for 4096 CPUs and 0 GPUs; no node has that. There is: 1 x this machine of" in refused.stderr
    assert not executions(tmp_path)


def test_a_sweep_whose_kinds_differ_uses_a_worker_class_each(tmp_path: Path) -> None:
    space = tmp_path / "classes.yaml"
    space.write_text(SMALL_SPACE + "resources: {train: {cpus: 2}, attack: {cpus: 0.5}}\n")
    storage = tmp_path / "storage"
    few = ["--set", "adversarial_finetune=null", "--set", "prune=null", "--wandb", "disabled"]
    shown = advsweep("launch", "--space", space, "--storage", storage, *few).stdout
    assert "2 trials, 2 finished" in shown
    assert set(ended(storage).values()) == {1}
    kinds = {entry["pid"]: {other["kind"] for other in executions(storage) if other["pid"] == entry["pid"]}
             for entry in executions(storage)}  # fmt: skip
    assert {"train"} in kinds.values(), "a worker of two CPUs does nothing else"
    assert {"attack"} in kinds.values()


TOGETHER = 4
"""Attacks that fit."""


class PackedWorker(SleepingWorker):
    """An attack goes on until as many have begun as fit."""

    seconds = dict.fromkeys(SECONDS, 0.1)

    def _publish(self, stage: Stage) -> dict[str, Any]:
        if stage.kind == "attack":
            begun = Path(self._storage.path("begun"))
            begun.mkdir(exist_ok=True)
            (begun / stage.key).touch()
            wait_until(lambda: len(list(begun.iterdir())) >= TOGETHER)
        return super()._publish(stage)


def test_four_attacks_share_what_training_has_alone(tmp_path: Path) -> None:
    plan = sleeping.grid(2, 1, 1, TOGETHER)
    table, _ = ResourceTable.parse({"train": {"cpus": 4}, "attack": {"cpus": 1}, "prune": {"cpus": 2}})
    plan = replace(plan, space=replace(plan.space, resources=table))
    with part_workers():
        sleeping.run(plan, tmp_path, TOGETHER, PackedWorker)
    running: dict[str, int] = {"train": 0, "attack": 0}
    most = dict(running)
    for entry in executions(tmp_path):
        if entry["kind"] in running:
            running[entry["kind"]] += 1 if entry["event"] == "start" else -1
            most = {kind: max(most[kind], running[kind]) for kind in most}
            assert not (running["train"] and running["attack"]), "training has all of it"
    assert most == {"train": 1, "attack": TOGETHER}
