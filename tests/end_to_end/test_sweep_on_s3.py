"""A whole sweep on a real S3 API on loopback, through kills, throttling and a network that drops."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.space.space import load
from orchestrator.store.clean import find_leftovers
from tasks.stages.context import Context
from tasks.stages.run import run_chain
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage, open_storage
from tests.support.disturbed import cluster_of
from tests.support.harness import LIMIT, ONE, advsweep, kill, start, wait_until
from tests.support.object_servers import SECRET, WANDB_KEY, Faulty, s3_of_a_user

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

SPACE = """
description: a chain that is long enough to be killed in
dataset: {name: digits, image_size: 16, train_examples: 300, split: {test: 0.1}}
model: {name: resnet8}
train: {epochs: 6, batch_size: 16, optimizer: {name: sgd, lr: 0.05, momentum: 0.9}}
prune: {ratio: {grid_search: [0.0, 0.5]}}
attack: {name: pgd, eps: 16/255, steps: {grid_search: [2, 5]}, step_size: 4/255}
"""
URI = "s3://bucket/team/results"
CHECKPOINTS = "/checkpoints/"
FAILING = 6
"""Requests that fail one after another: more than the library of S3 itself tries again."""


@dataclass(frozen=True)
class Swept:
    """A sweep on S3 that was killed once and launched again while the service failed."""

    server: Faulty
    storage: Storage
    space: Path
    folder: Path
    """Where the commands ran, and where their temporary files went."""
    epochs_before: int
    """Checkpoints that were put before the kill."""
    shown: str


def run(command: str, *arguments: str | Path, code: int = 0) -> str:
    """The output of a command on the storage."""
    ended = advsweep(command, *arguments, "--storage", URI, code=code)
    return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def server() -> Iterator[Faulty]:
    """The S3 of this module."""
    with s3_of_a_user() as started:
        yield started


@pytest.fixture(scope="module")
def swept(server: Faulty) -> Swept:
    folder = Path.cwd()
    space = folder / "remote.yaml"
    space.write_text(SPACE)
    command: list[str | Path] = ["launch", "--space", space, "--storage", URI, *ONE]
    server.hold(CHECKPOINTS, 2)
    driver = start(*command)
    assert wait_until(lambda: server.holds.is_set() or driver.poll() is not None)
    kill(cluster_of(driver))
    driver.wait(timeout=LIMIT)
    server.release()
    before, over = len(server.puts(CHECKPOINTS)), threading.Event()

    def disturb() -> None:
        wait_until(lambda: len(server.puts(CHECKPOINTS)) > before or over.is_set())
        for number, fault in enumerate(("slow down", "drop"), 1):
            server.fail(fault, FAILING)
            wait_until(lambda: server.failed >= number * FAILING or over.is_set())  # noqa: B023

    disturbance = threading.Thread(target=disturb)
    disturbance.start()
    try:
        shown = advsweep(*command).stdout
    finally:
        over.set()
        disturbance.join()
    return Swept(server, open_storage(URI), space, folder, before, shown)


class TestSweep:
    def test_it_finished_although_the_service_failed(self, swept: Swept) -> None:
        assert "4 trials, 4 finished, 0 failed" in swept.shown
        assert f"results in {URI}/sweeps/remote-" in swept.shown
        assert swept.server.failed == 2 * FAILING

    def test_a_killed_stage_went_on_from_its_checkpoint(self, swept: Swept) -> None:
        store = StageStore(swept.storage)
        (trained,) = [
            record
            for key in sorted(StageStore(swept.storage).list_keys())
            if (record := store.read_record(key))["kind"] == "train"
        ]
        assert swept.epochs_before - 1 <= trained["resumed_from"] <= swept.epochs_before
        assert swept.storage.list_names("checkpoints") == []

    def test_every_stage_was_published_once_and_its_record_last(self, swept: Swept) -> None:
        records = swept.server.puts(r"/stages/\w+/stage\.json")
        assert len(records) == len(set(records)) == len(StageStore(swept.storage).list_keys()) == 6
        order = swept.server.puts(r"/stages/\w+/\w")
        for record in records:
            of_stage = [path for path in order if path.startswith(record.removesuffix("stage.json"))]
            assert of_stage[-1] == record

    def test_the_result_is_that_of_an_undisturbed_local_run(self, swept: Swept, tmp_path: Path) -> None:
        plan = make_plan(load(str(swept.space)), None)
        local = StageStore(open_storage(tmp_path / "local"))
        for planned in plan.trials:
            run_chain(planned.chain, Context(local, device="cpu"))
        remote = StageStore(swept.storage)
        for key, stage in plan.stages.items():
            name = "examples.parquet" if stage.kind == "attack" else "model.safetensors"
            assert remote.read_file(remote.read_record(key), name) == local.read_file(local.read_record(key), name), (
                stage.kind
            )

    def test_no_model_was_fetched_twice(self, swept: Swept) -> None:
        """Four trials attack two models, which this node itself has made."""
        assert max(swept.server.count("GET", r"model-\w+\.safetensors").values(), default=0) <= 1

    def test_the_same_command_again_has_nothing_to_do(self, swept: Swept) -> None:
        assert "4 trials, 4 finished, nothing to do" in run("launch", "--space", swept.space)

    def test_everything_that_reads_a_sweep_reads_it_here(self, swept: Swept, tmp_path: Path) -> None:
        (facts,) = json.loads(run("status", "remote", "--json"))
        assert (facts["finished"], facts["stages_stored"]) == (4, 6)
        sql = "select t.trial_id, count(*) n from trials t join stages using (trial_id) join examples using (stage_key)"
        asked = json.loads(run("results", "remote", "--sql", f"{sql} group by all", "--format", "json"))
        assert [row["n"] for row in asked] == [180] * 4
        trial = asked[0]["trial_id"]
        assert "computed by this sweep" in run("explain", trial)
        run("export", trial, "--out", tmp_path / "model")
        example = subprocess.run([sys.executable, tmp_path / "model" / "example.py"], capture_output=True, check=True)
        assert example.stdout
        run("report", "remote", "--formats", "svg")
        assert any(name.endswith(".html") for name in swept.storage.list_sizes(f"sweeps/{facts['sweep_id']}/report"))
        assert "jobs to do" in run("launch", "--space", swept.space, "--dry-run")

    def test_a_trial_that_fails_says_so_and_no_secret_is_anywhere(self, swept: Swept) -> None:
        shown = run("launch", "--space", swept.space, "--set", "train.optimizer.lr=1.0e+30", *ONE, code=1)
        assert "traceback" in shown
        assert f"{URI}/sweeps/remote-" in shown
        written = {name: swept.storage.read(name) for name in swept.storage.list_sizes("")}
        assert any(name.endswith("failures.log") for name in written)
        assert any(name.endswith("plan.json") for name in written)
        written |= {str(file): file.read_bytes() for file in swept.folder.rglob("*") if file.is_file()}
        assert any(name.endswith(".wandb") for name in written)
        written["output"] = (swept.shown + shown).encode()
        secrets = (SECRET.encode(), WANDB_KEY.encode())
        assert not [name for name, content in written.items() if any(secret in content for secret in secrets)]

    def test_what_is_forgotten_is_removed(self, swept: Swept) -> None:
        sweeps = swept.storage.list_names("sweeps")
        swept.storage.write(f"stages/{'0' * 64}/model.safetensors", b"x")
        assert {item.name for item in find_leftovers(swept.storage)} == {f"stages/{'0' * 64}"}
        removed = run("clean", "--yes", *(part for sweep in sweeps for part in ("--forget", sweep)))
        assert "removed" in removed
        assert swept.storage.list_sizes("") == {}
        assert "no sweeps yet" in run("status")
