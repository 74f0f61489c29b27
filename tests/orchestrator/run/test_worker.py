"""What a worker checks before it takes stages, how it runs them, and what it says on its way."""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from benchmarks.sleepers import IdleWorker
from orchestrator.cluster.node import WorkerPlace
from orchestrator.plan.plan import make_plan
from orchestrator.run import worker
from orchestrator.run.worker import BoardHandler, StageWorker, WorkerSettings
from orchestrator.space import space as spaces
from tasks import paths
from tasks.data.source import PROGRESS_LOG
from tasks.errors import UsageError
from tasks.stages import run as stages_run
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import establish_storage, open_storage
from tests.conftest import CONFIG


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """The log that a worker hands on to its board, which no other test is to write to."""
    found = logging.getLogger(PROGRESS_LOG)
    monkeypatch.setattr(found, "handlers", list(found.handlers))
    monkeypatch.setattr(found, "level", found.level)
    return found


def test_lines_of_a_log_are_posted_with_the_node_and_lost_where_there_is_no_board(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posted: list[str] = []
    boards = {"here": SimpleNamespace(post_line=SimpleNamespace(remote=posted.append))}

    def find(name: str) -> Any:
        if name not in boards:
            raise ValueError("there is no such actor")
        return boards[name]

    monkeypatch.setattr(worker, "find_board", find)
    monkeypatch.setattr(platform, "node", lambda: "node7")
    some = logging.Logger("some")
    for board in ("here", "gone"):
        some.addHandler(BoardHandler(board))
    some.info("decoding images: %s of %s", "6", "10")
    assert posted == ["node7: decoding images: 6 of 10"]


class Here:
    """What Ray gave this process, and what a worker did with it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, resources: dict[str, float]) -> None:
        self.done: list[Any] = []
        given = SimpleNamespace(
            get_accelerator_ids=lambda: {"GPU": ["3"], "TPU": ["9"]},
            get_assigned_resources=lambda: resources,
            get_node_id=lambda: "id7",
        )
        monkeypatch.setattr(ray, "get_runtime_context", lambda: given)
        monkeypatch.setattr(worker, "claim_devices", lambda gpus: f"cuda of {gpus}")
        monkeypatch.setattr(worker, "check_device", lambda device: self.done.append(f"check {device}"))
        monkeypatch.setattr(worker, "limit_memory", lambda *words: self.done.append(words))
        monkeypatch.setattr(worker, "unpack_plugins", lambda bundles: self.done.append(list(bundles)))
        monkeypatch.setattr(worker, "remove_dead_folders", lambda: self.done.append("remove"))
        monkeypatch.setattr(worker, "collect_versions", lambda: {"torch": "2"})
        monkeypatch.setattr(worker, "count_oom_kills", lambda: 5)
        monkeypatch.setattr(platform, "node", lambda: "node7")


@pytest.mark.parametrize(("resources", "share"), [({"GPU": 0.25, "CPU": 2.0}, 0.25), ({"CPU": 2.0}, 1.0)])
def test_a_worker_runs_stages_on_its_share_of_what_it_was_given_and_notes_each(
    resources: dict[str, float],
    share: float,
    log: logging.Logger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = Here(monkeypatch, resources)
    chain = make_plan(spaces.build("test", "test", dict(CONFIG))).trials[0].chain[:2]
    establish_storage(open_storage(tmp_path / "storage"))
    settings = WorkerSettings(
        str(tmp_path / "storage"), "s-1", tmp_path / "data", fresh=True, versions={"torch": "2"}, board="board",
        plugins=["bundle"],  # type: ignore[list-item]
    )  # fmt: skip
    posted: list[Any] = []
    board = SimpleNamespace(post_epoch=SimpleNamespace(remote=lambda *words: posted.append(words)))
    monkeypatch.setattr(worker, "find_board", lambda name: {"board": board}[name])

    def run_stages(stages: Any, context: Any) -> list[dict[str, Any]]:
        here.done.append(context)
        context.on_epoch(stages[1], {"epoch": 4})
        monkeypatch.setattr(worker, "find_board", {}.__getitem__)
        return [{"key": stage.key} for stage in stages]

    monkeypatch.setattr(stages_run, "run_stages", run_stages)
    handlers = list(log.handlers)
    made = StageWorker(settings, 3)
    assert [type(handler) for handler in log.handlers if handler not in handlers] == [BoardHandler]
    assert log.level == logging.INFO
    assert made.describe_place() == WorkerPlace(os.getpid(), "id7", 5, "node7")
    monkeypatch.setattr(time, "time", lambda: 77.0)
    assert made.run(chain) == [{"key": stage.key} for stage in chain]
    context = here.done.pop()
    assert here.done == [["bundle"], "check cuda of ['3']", "remove", ("cuda of ['3']", share)]
    assert (context.data_dir, context.device, context.threads, context.sweep_id) == (
        tmp_path / "data", "cuda of ['3']", 3, "s-1",
    )  # fmt: skip
    assert context.store.replace
    assert posted == [(chain[1].key, {"epoch": 4})]
    (file,) = (tmp_path / "storage").glob("sweeps/s-1/executions/*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines == [
        {"event": event, "kind": stage.kind, "key": stage.key, "time": 77.0, "node": "id7", "pid": os.getpid()}
        for event in ("start", "end")
        for stage in chain
    ]


def test_a_run_that_fails_has_begun_and_not_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Here(monkeypatch, {})
    establish_storage(open_storage(tmp_path))
    made = StageWorker(WorkerSettings(str(tmp_path), "s-1", None), 1)
    (stage, *_) = make_plan(spaces.build("test", "test", dict(CONFIG))).trials[0].chain

    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(stages_run, "run_stages", fail)
    with pytest.raises(MemoryError):
        made.run([stage])
    (file,) = tmp_path.glob("sweeps/s-1/executions/*.jsonl")
    assert [json.loads(line)["event"] for line in file.read_text().splitlines()] == ["start"]


@pytest.mark.parametrize(
    ("published", "fresh", "computed"),
    [([0, 1], False, []), ([1], False, [0]), ([], False, [0, 1]), ([0, 1], True, [0, 1])],
    ids=["it was lost after it had published", "before it had published all", "nothing there", "replaced anyway"],
)
def test_what_was_published_before_a_worker_was_lost_is_not_computed_again(
    published: list[int], fresh: bool, computed: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Here(monkeypatch, {})
    establish_storage(open_storage(tmp_path))
    stages = make_plan(spaces.build("test", "test", dict(CONFIG))).trials[0].chain[:2]
    lost = IdleWorker(WorkerSettings(str(tmp_path), "s-0", None), 1)
    records = {place: lost.run([stages[place]])[0] for place in published} | {
        place: {"computed": place} for place in computed
    }
    checkpoints = [tmp_path / StageStore(open_storage(tmp_path)).name_checkpoint(stage.key) for stage in stages]
    checkpoints[0].parent.mkdir(exist_ok=True)
    for checkpoint in checkpoints:
        checkpoint.touch()
    monkeypatch.setattr(stages_run, "run_stages", lambda left, _: [{"computed": stages.index(one)} for one in left])
    made = StageWorker(WorkerSettings(str(tmp_path), "s-1", None, fresh=fresh), 1)
    assert made.run(stages) == [records[place] for place in (0, 1)]
    lines = [line for file in tmp_path.glob("sweeps/s-1/executions/*.jsonl") for line in file.read_text().splitlines()]
    noted = [(json.loads(line)["event"], json.loads(line)["key"]) for line in lines]
    assert noted == [(event, stages[place].key) for event in ("start", "end") for place in computed]
    assert [place for place in (0, 1) if checkpoints[place].exists()] == computed


def test_what_a_lost_worker_published_in_part_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an object store shows it: files come one by one, the record last."""
    Here(monkeypatch, {})
    establish_storage(open_storage(tmp_path))
    stages = make_plan(spaces.build("test", "test", dict(CONFIG))).trials[0].chain[:1]
    part = tmp_path / paths.STAGES / stages[0].key / paths.MODEL
    part.parent.mkdir(parents=True)
    part.touch()
    monkeypatch.setattr(stages_run, "run_stages", lambda *_: [{"computed": True}])
    assert StageWorker(WorkerSettings(str(tmp_path), "s-1", None), 1).run(stages) == [{"computed": True}]


def test_a_node_with_a_folder_of_its_own_in_place_of_the_storage_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the storage would be missing, it is waited for."""
    Here(monkeypatch, {})
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"^node node7: --storage .* other files, .*; every node must see one folder"):
        StageWorker(WorkerSettings(str(tmp_path), "s-1", None), 1)


def test_a_node_that_differs_or_whose_gpu_is_of_no_use_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Here(monkeypatch, {})
    differs = WorkerSettings(str(tmp_path), "s-1", None, versions={"torch": "1"})
    with pytest.raises(UsageError, match=r"^node node7 has torch 2, the driver has 1: they must be the same$"):
        StageWorker(differs, 1)
    assert here.done == [], "its plugins are not imported"

    def refuse(device: str) -> None:
        raise UsageError(f"{device} is broken")

    monkeypatch.setattr(worker, "check_device", refuse)
    with pytest.raises(UsageError, match=r"^node node7 gave a GPU, and cuda of \['3'\] is broken$"):
        StageWorker(WorkerSettings(str(tmp_path), "s-1", None), 1)
