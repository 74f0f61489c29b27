"""The story of a launch: what is looked at in which order, what is said, and what is written when."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator import launch as story
from orchestrator.cluster.placement import Placement
from orchestrator.launch import launch
from orchestrator.options import LaunchOptions
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.run import driver, request
from orchestrator.space.resources import Resources, ResourceTable
from orchestrator.store.sweep_store import SweepStore, list_sweeps
from tasks.errors import UsageError
from tasks.storage.storage import establish_storage
from tasks.temporary import PREFIX
from tests.support.command_line import list_tree
from tests.support.finished_sweep import finish

ONE = ("adversarial_finetune=null", "prune=null")


def launched(options: LaunchOptions) -> tuple[int, str]:
    shown = io.StringIO()
    return launch(options, Console(file=shown, width=40)), shown.getvalue()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[PreparedSweep, LaunchOptions]]:
    """What a driver was given; it runs nothing and says that some trials failed."""
    found: list[tuple[PreparedSweep, LaunchOptions]] = []

    def run_sweep(prepared: PreparedSweep, options: LaunchOptions, _: Console, release: Callable[[], None]) -> int:  # noqa: ARG001
        found.append((prepared, options))
        return 1

    monkeypatch.setattr(driver, "run_sweep", run_sweep)
    return found


def test_the_driver_gets_the_plan_with_the_limits_of_the_command_line(
    ran: list[tuple[PreparedSweep, LaunchOptions]], space_file: Path, tmp_path: Path
) -> None:
    options = LaunchOptions(
        str(space_file),
        ["timeouts={train: 50, attack: 70}", "resources.prune.cpus=0.5"],
        str(tmp_path / "storage"),
        timeouts=["train=60"],
        cpus_per_trial=1.5,
        gpus_per_trial=0,
    )
    code, shown = launched(options)
    ((prepared, given),) = ran
    assert (code, given) == (1, options)
    line = f"{prepared.plan.sweep_id}: 8 trials, 0 finished, 8 to do: 14 stages in 10 jobs, 0 stages reused\n"
    assert shown == line, "on one line, whatever the width"
    assert prepared.timeouts == {"train": 60, "attack": 70}
    assert (prepared.resources.of("train").cpus, prepared.resources.of("prune").cpus) == (1.5, 0.5)


def test_what_is_stored_is_reused_and_nothing_else_is_counted(
    ran: list[tuple[PreparedSweep, LaunchOptions]], space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, sweep = finish(space_file, tmp_path / "storage", ONE)
    establish_storage(sweep.storage)
    complete = LaunchOptions(str(space_file), ONE, str(tmp_path / "storage"), wandb="disabled")
    before = list_tree(tmp_path / "storage")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"{PREFIX}dead").mkdir()
    assert launched(complete) == (0, f"{plan.sweep_id}: 2 trials, 2 finished, nothing to do\n")
    assert not ran
    assert list_tree(tmp_path / "storage") == before
    assert not (tmp_path / f"{PREFIX}dead").exists(), "what a killed driver left goes, though no Ray is started"
    shutil.rmtree(tmp_path / "storage" / "stages" / plan.trials[0].chain[-1].key)
    assert "2 trials, 1 finished, 1 to do: 1 stage in 1 job, 2 stages reused" in launched(complete)[1]
    larger = LaunchOptions(str(space_file), [*ONE, "attack.steps={grid_search: [2, 5, 7, 9]}"], complete.storage)
    assert "4 trials, 0 finished, 4 to do: 3 stages in 1 job, 2 stages reused" in launched(larger)[1]
    again = LaunchOptions(str(space_file), ONE, complete.storage, fresh=True)
    assert "2 trials, 0 finished, 2 to do: 3 stages in 2 jobs, 0 stages reused" in launched(again)[1]


def test_a_sweep_whose_stages_others_have_made_gets_its_rows_without_ray(
    space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, sweep = finish(space_file, tmp_path / "storage", ONE)
    establish_storage(sweep.storage)

    def connect(*_: Any) -> None:
        raise AssertionError("a Ray was started")

    monkeypatch.setattr(driver, "connect_cluster", connect)
    less = LaunchOptions(str(space_file), [*ONE, "attack.steps=5"], str(tmp_path / "storage"), wandb="disabled")
    code, shown = launched(less)
    assert (code, "1 to do: 0 stages in 0 jobs, 2 stages reused" in shown) == (0, True)
    assert "1 trial, 1 finished, 0 failed, 0 not run" in shown
    (name,) = set(list_sweeps(sweep.storage)) - {sweep.sweep_id}
    (row,) = SweepStore(sweep.storage, name).rows()
    (other,) = [row for row in sweep.rows() if row["attack_steps"] == 5]
    assert (row["status"], row["robust_correct"]) == ("finished", other["robust_correct"])
    assert launched(less)[1].endswith("1 finished, nothing to do\n")


def test_a_dry_run_shows_the_plan_and_writes_nothing(
    ran: list[tuple[PreparedSweep, LaunchOptions]], space_file: Path, tmp_path: Path
) -> None:
    code, shown = launched(LaunchOptions(str(space_file), storage=str(tmp_path / "storage"), dry_run=True))
    assert code == 0
    assert "in trials  distinct  in store  jobs to do" in shown
    assert "sharing saves" in shown
    assert not ran
    assert not (tmp_path / "storage").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"project": "a/b"}, "project"),
        ({"overrides": ["prune.ratio=2"]}, "prune.ratio"),
        ({"timeouts": ["train"]}, "KIND=SECONDS"),
        ({"timeouts": ["trian=3"]}, "did you mean 'train'"),
        ({"cpus_per_trial": -1.0}, "--cpus-per-trial -1: should be"),
        ({"address": "nowhere"}, "--address nowhere"),
        ({"overrides": ["resources={train: {cpus: 5000}}"]}, "train asks for 5000 CPUs"),
        ({"storage": "/proc/absent/storage"}, "--storage /proc/absent/storage: cannot be written"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_request_that_cannot_be_is_refused_before_anything_is_written(
    changes: dict[str, Any], message: str, dry_run: bool, space_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        launched(
            LaunchOptions(str(space_file), **{"storage": str(tmp_path / "storage"), "dry_run": dry_run, **changes})
        )
    assert not (tmp_path / "storage").exists()


def test_only_a_dry_run_does_without_the_data(space_file: Path, tmp_path: Path) -> None:
    options = LaunchOptions(str(space_file), ["dataset={name: mnist}"], str(tmp_path / "storage"))
    with pytest.raises(UsageError, match="--data-dir"):
        launched(options)
    assert launched(replace(options, dry_run=True))[0] == 0
    assert not (tmp_path / "storage").exists()


def test_what_stages_hold_is_said_where_any_will_run(
    ran: list[tuple[PreparedSweep, LaunchOptions]], space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = Placement(ResourceTable({"attack": Resources(gpus=0.5)}), "4 GPUs: attack 0.5")
    monkeypatch.setattr(request, "check_request", lambda *_: placed)
    _, shown = launched(LaunchOptions(str(space_file), storage=str(tmp_path / "storage")))
    assert shown.splitlines()[1:] == ["4 GPUs: attack 0.5"]
    assert ran[0][0].resources is placed.resources
    monkeypatch.setattr(PreparedSweep, "complete", True)
    _, shown = launched(LaunchOptions(str(space_file), storage=str(tmp_path / "storage"), wandb="disabled"))
    assert "GPUs" not in shown
    assert len(ran) == 1


@pytest.mark.parametrize(("address", "said"), [("local", True), ("head:6379", False), ("http://head:8265", False)])
def test_a_dry_run_says_what_stages_would_hold_on_this_machine_alone(
    address: str, said: bool, space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "place_stages", lambda table, *_: Placement(table, "4 GPUs: attack 0.5"))
    options = LaunchOptions(str(space_file), storage=str(tmp_path / "storage"), address=address, dry_run=True)
    assert ("4 GPUs: attack 0.5" in launched(options)[1].splitlines()) is said


def test_what_plugins_say_is_said_before_anything_else(
    space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(names: Any) -> list[str]:
        assert names == ("mine.py",)
        return ["plugin mine.py: one", "and two"]

    monkeypatch.setattr(story, "load_plugins", load)
    _, said = launched(LaunchOptions(str(space_file), storage=str(tmp_path), plugins=("mine.py",), dry_run=True))
    assert said.splitlines()[:2] == ["plugin mine.py: one", "and two"]
