"""`advsweep verify`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator import settle
from orchestrator.cluster.address import Address
from orchestrator.options import LaunchOptions
from orchestrator.plan.plan import make_plan, plan_text
from orchestrator.remote import attached_driver, follow_job
from orchestrator.remote.submission import JobSubmission
from orchestrator.space.space import Space
from orchestrator.store.sweep_store import SweepStore, list_sweeps
from tasks import paths
from tasks.stages.context import Context
from tasks.stages.run import run_chain
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tasks.trial.row import make_finished_row
from tests.support.command_line import run_here
from tests.support.finished_sweep import finish

SPACE = """
dataset: {name: digits, image_size: 8, train_examples: 200}
model: {name: resnet8}
train: {epochs: 2, batch_size: 32, optimizer: {name: sgd, lr: 0.1, momentum: 0.9}}
attack: {name: ifgsm, eps: {grid_search: [0, 24/255]}, steps: 1, step_size: 8/255, examples: 40}
"""
"""One step of a third of the budget: a check says that the budget is not reached."""


def launch_here(space: Space, options: LaunchOptions, console: Console) -> int:  # noqa: ARG001
    """A launch in this process, one trial after another."""
    storage = open_storage(options.storage)
    plan = make_plan(space, options.data_dir)
    sweep = SweepStore(storage, plan.sweep_id)
    context = Context(StageStore(storage), None, "cpu", sweep_id=plan.sweep_id)
    made = [(planned, run_chain(planned.chain, context)) for planned in plan.trials]
    rows = [make_finished_row(planned.trial, planned.chain, records) for planned, records in made]
    sweep.write_rows([row | {"sweep_id": plan.sweep_id, "space": space.name} for row in rows])
    storage.write(sweep.path(paths.PLAN), plan_text(plan))
    return 0


@pytest.mark.slow
def test_what_would_settle_a_verdict_is_run_and_the_number_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.yaml").write_text(SPACE)
    plan, sweep = finish(tmp_path / "small.yaml", tmp_path / "s")
    trained = set(StageStore(sweep.storage).list_keys())
    dry = run_here("verify", "small", "--storage", tmp_path / "s", "--dry-run", "--json")
    (asked,) = json.loads(dry.stdout)
    assert "verify_small-" in dry.stderr
    assert f"{len(asked['tried'])} trials" in dry.stderr
    assert "jobs to do" in dry.stderr, "what it costs stands beside, where a plan of a launch has it"
    assert "budget reached" in asked["checks"].split(", ")
    assert list(asked["tried"])[:2] == ["take more steps: ifgsm, 4 steps", "take another loss: apgd_t, 100 steps"]
    assert asked["model"] == "resnet8 seed 0"
    assert asked["verdict_after"] is None
    assert set(asked["tried"].values()) == {None}
    assert asked["robust_after"] is None
    assert list_sweeps(sweep.storage) == [plan.sweep_id], "a dry run starts nothing"
    assert set(StageStore(sweep.storage).list_keys()) == trained
    silent = run_here("verify", "small", "--storage", tmp_path / "s", "--dry-run", "--no-answer")
    assert (silent.code, silent.stdout) == (0, ""), "as on the head of a cluster: who asked prints the answer"

    monkeypatch.setattr(settle, "launch_space", launch_here)
    ended = run_here("verify", "small", "--storage", tmp_path / "s", "--json")
    (found,) = json.loads(ended.stdout)
    assert ended.code == 0, ended.stderr
    assert found["tried"].keys() == asked["tried"].keys()
    assert found["robust_after"] <= min(found["tried"].values()) < found["robust_before"]
    assert found["verdict_after"] == "ok", "what the checks say of the sweep and of what was tried, together"
    store = StageStore(sweep.storage)
    new = [store.read_record(key)["kind"] for key in store.list_keys() if key not in trained]
    assert new == ["attack"] * len(found["tried"]), "the model is the sweep's own: attacks alone were run"

    again = run_here("verify", "verify_small", "--storage", tmp_path / "s", "--json")
    assert (again.code, json.loads(again.stdout)) == (0, []), "a verification is a sweep as any other"

    monkeypatch.setattr(settle, "launch_space", lambda *given: launch_here(*given) + 1)
    ended = run_here("verify", "small", "--storage", tmp_path / "s")
    assert ended.code == 1, "trials of it failed"
    assert "ifgsm linf eps 24/255" in ended.stdout
    assert " -> " in ended.stdout


def test_a_mistake_is_named(tmp_path: Path) -> None:
    ended = run_here("verify", "nothing", "--storage", tmp_path / "s")
    assert ended.code == 2
    assert "nothing" in ended.stderr
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("address", ["http://head:8265", "ray://head:10001"])
def test_on_a_cluster_the_head_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    (tmp_path / "small.yaml").write_text(SPACE.replace("epochs: 2", "epochs: 0").replace("40", "10"))
    _, sweep = finish(tmp_path / "small.yaml", tmp_path / "s")
    sent: list[JobSubmission] = []

    def note(submission: JobSubmission, there: Address, console: Console) -> int:  # noqa: ARG001
        sent.append(submission)
        return 0

    monkeypatch.setattr(follow_job, "run_job", note)
    monkeypatch.setattr(attached_driver, "run_attached", note)
    found = settle.settle_sweep(sweep, str(tmp_path / "s"), Console(quiet=True), address=address)
    (submission,) = sent
    assert submission.arguments[:2] == ("verify", sweep.sweep_id)
    assert {f"--storage={tmp_path / 's'}", "--address=auto"} <= {*submission.arguments}
    assert submission.trials == sum(len(line["tried"]) for line in found.lines) > 0


LINES: list[dict[str, Any]] = [
    {"trial_id": "0123456789", "model": "resnet8 seed 1", "attack": "ifgsm linf", "eps": 8 / 255, "eps_space": "pixel",
     "verdict": "upper bound", "checks": "a, b",
     "tried": {"take more steps: ifgsm": 0.25, "restart: pgd": None}, "examples": 40, "robust_before": 0.5,
     "robust_after": 0.25, "verdict_after": "ok"},
    {"trial_id": "abcdefghij", "model": "vgg16 seed 0, pruned 0.4", "attack": "pgd l2", "eps": 0.5,
     "eps_space": "normalized", "verdict": "suspicious", "checks": "c", "tried": {},
     "examples": 20, "robust_before": 0.125, "robust_after": None,
     "verdict_after": None},
]  # fmt: skip


def test_how_each_number_moves_is_said_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def play(sweep: SweepStore, storage: str, console: Console, **more: Any) -> settle.Settled:
        asked.append((sweep.sweep_id, storage, console.stderr, more))
        return settle.Settled(1 if len(asked) == 1 else 0, LINES if len(asked) < 4 else [])

    storage = open_storage(tmp_path)
    storage.write("sweeps/made-1/plan.json", b"{}")
    monkeypatch.setattr(settle, "settle_sweep", play)
    words = ("verify", "made-1", "--storage", str(tmp_path))
    ended = run_here(*words, "--data-dir", "/data", "--device", "cpu", "--address", "head:1", "--dry-run")
    assert (ended.code, ended.stdout.splitlines()) == (1, [
        "resnet8 seed 1, ifgsm linf eps 8/255: worst case 50.00 % -> 25.00 % of 40 images  "
        "(upper bound: a, b; now ok; trial 0123456)",
        "    take more steps: ifgsm: 25.00 %",
        "    restart: pgd",
        "vgg16 seed 0, pruned 0.4, pgd l2 eps 0.5 normalized: worst case 12.50 %  (suspicious: c; trial abcdefg)",
        "    no attack would settle it, or all that would were run",
    ])  # fmt: skip
    read = list(csv.DictReader(io.StringIO(run_here(*words, "--format", "csv").stdout)))
    assert "    restart: pgd: not run yet\n" in run_here(*words).stdout, "where it was no dry run"
    assert [(line["tried"], line["robust_after"]) for line in read] == [("2", "0.25"), ("0", "")]
    assert run_here(*words).stdout == "made-1: no check speaks against a worst case, or nothing was tested\n"
    given = {"data_dir": Path("/data"), "device": "cpu", "address": "head:1", "dry_run": True}
    usual = {"data_dir": None, "device": "auto", "address": "local", "dry_run": False}
    assert asked == [("made-1", str(tmp_path), True, options) for options in (given, usual, usual, usual)]
