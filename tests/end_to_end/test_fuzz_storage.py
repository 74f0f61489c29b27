"""Whatever a disk holds: a command that reads a storage ends in time, without a traceback, and writes nothing."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report import write
from orchestrator.store.fault_log import FAILURE, FaultLog
from orchestrator.store.heartbeat import Heartbeat
from tasks import paths
from tests.conftest import SMALL_SPACE
from tests.support.damage import HOSTILE_VALUES, KINDS, PLANTED, change_value, plant_in_stage
from tests.support.finished_sweep import finish
from tests.support.fuzzing import drawn, ends_well

pytestmark = pytest.mark.slow

OVERRIDES = ("attack.steps=2", "prune.ratio={grid_search: [0, 0.5]}", "adversarial_finetune=null", "train.epochs=1")
"""Two trials that share a model."""
MOST_SAID = 4
"""Lines about one thing that is damaged."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands run."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of a finished sweep, with everything that a launch may leave in one."""
    folder = tmp_path_factory.mktemp("whole")
    space = folder / "small.yaml"
    space.write_text(SMALL_SPACE)
    plan, sweep = finish(space, folder / "storage", OVERRIDES)
    storage = sweep.storage
    sweep.write_rows([{**sweep.rows()[0], "space": "again"}])
    sweep.compact_rows()
    sweep.write_rows(sweep.rows()[:1])
    FaultLog(sweep).add(FAILURE, [plan.trials[0].chain[0]], "RuntimeError: x", again=True)
    facts: dict[str, Any] = {"jobs": 1, "jobs_done": 1, "reused": 0, "eta_seconds": None, "running": []}
    beating = Heartbeat(sweep, lambda: facts, print)
    beating.start()
    beating.end("finished")
    for name in ("written.txt", "sent.txt"):
        storage.append(sweep.path(paths.WANDB, name), plan.trials[0].trial_id)
    storage.write(sweep.path(paths.WANDB, "wandb.json"), b'{"format": 1, "project": "p", "places": []}')
    storage.write(sweep.path(paths.WANDB, "report.json"), b'{"format": 1, "url": "u"}')
    storage.write(sweep.path(paths.LOGS, "failures.log"), b"stage x failed\n")
    storage.append(sweep.path(paths.EXECUTIONS, "worker.jsonl"), "{}")
    model = storage.read(f"{paths.STAGES}/{plan.trials[0].chain[0].key}/{paths.MODEL}")
    storage.write(f"{paths.CHECKPOINTS}/{plan.trials[0].chain[0].key}.safetensors", model)
    storage.write(f"{paths.CORRUPT}/{'a' * 64}-20261126T000000-abcd/{paths.MODEL}", model)
    storage.files.establish()
    return folder / "storage"


FILES = [
    "sweeps/*/plan.json", "sweeps/*/space.yaml", "sweeps/*/trials/*.parquet", "sweeps/*/drivers/*.json",
    "sweeps/*/faults/*.jsonl", "sweeps/*/logs/failures.log", "sweeps/*/executions/*", "sweeps/*/wandb/written.txt",
    "sweeps/*/wandb/sent.txt", "sweeps/*/wandb/wandb.json", "sweeps/*/wandb/report.json", "stages/*/stage.json",
    "stages/*/model.safetensors", "stages/*/history.parquet", "stages/*/examples.parquet",
    "stages/*/preview.safetensors", "checkpoints/*", "corrupt/*/*", ".advsweep",
]  # fmt: skip
FOLDERS = [
    "sweeps", "sweeps/*", "sweeps/*/trials", "sweeps/*/drivers", "sweeps/*/faults", "sweeps/*/logs", "sweeps/*/wandb",
    "sweeps/*/executions", "stages", "stages/*", "checkpoints", "corrupt", "corrupt/*",
]  # fmt: skip
DOCUMENTS = [name for name in FILES if name.endswith((".json", ".jsonl"))]
IN_STAGES = [name for name in FILES if name.startswith("stages/") and not name.endswith(".json")]
QUERIES = {
    "TRIALS": "select * from trials",
    "EXAMPLES": "select count(*), sum(linf) from examples",
    "HISTORY": "select * from history join stages using (stage_key)",
}
COMMANDS = [
    "status", "status --json", "status SWEEP", "results SWEEP", "results SWEEP --format json",
    "results SWEEP --worst-case", "results SWEEP --reference", "results SWEEP --sql TRIALS",
    "results SWEEP --sql EXAMPLES", "results SWEEP --sql HISTORY", "explain TRIAL", "explain TRIAL --json",
    "compare TRIAL OTHER", "export TRIAL --out made", "logs SWEEP", "clean", "clean --json", "clean --forget SWEEP",
    "plan --space small.yaml OVERRIDES", "plan --space small.yaml --json",
    "launch --dry-run --space small.yaml OVERRIDES", "report SWEEP --out made --formats svg", "wandb sync SWEEP",
]  # fmt: skip
Damage = Callable[[Path], None]


def check_damaged(whole: Path, folder: Path, command: str, damage: Damage, pattern: str, place: int) -> None:
    """Run a command on a copy of the storage in which one thing is damaged."""
    (sweep,) = (entry.name for entry in (whole / "sweeps").iterdir())
    trials = sorted(part[:16] for part in (whole / f"sweeps/{sweep}/plan.json").read_text().split('"trial_id":"')[1:])
    for name in ("storage", "made"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(whole, folder / "storage")
    (folder / "small.yaml").write_text(SMALL_SPACE)
    found = sorted((folder / "storage").glob(pattern))
    damage(found[place % len(found)])
    names = {"SWEEP": [sweep], "TRIAL": [trials[0]], "OTHER": [trials[1]]}
    names |= {name: [query] for name, query in QUERIES.items()}
    names["OVERRIDES"] = [word for override in OVERRIDES for word in ("--set", override)]
    words = [part for word in command.split() for part in names.get(word, [word])]
    made = "made" if "--out" in words else ""
    ended = ends_well(folder, *words, "--storage", "storage", codes=(0, 1, 2), made=made)
    said = [line for line in ended.stderr.splitlines() if "storage/" in line or "stage " in line]
    assert len(said) == len(set(said)) <= MOST_SAID, said


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that takes seconds and reads nothing; whoever is asked says no."""
    monkeypatch.setattr(write, "write_figures", lambda *_: [])
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n" * 10_000))


@drawn(130)
@given(
    command=st.sampled_from(COMMANDS),
    pattern=st.sampled_from(FILES),
    damage=st.sampled_from(sorted(KINDS)),
    place=st.integers(0, 7),
)
def test_a_storage_with_a_damaged_file(
    whole: Path, folder: Path, command: str, pattern: str, damage: str, place: int
) -> None:
    check_damaged(whole, folder, command, KINDS[damage], pattern, place)


@drawn(50)
@given(
    command=st.sampled_from(COMMANDS),
    pattern=st.sampled_from(DOCUMENTS),
    value=st.sampled_from(HOSTILE_VALUES),
    place=st.integers(0, 200),
)
def test_a_storage_with_another_value_in_a_document(
    whole: Path, folder: Path, command: str, pattern: str, value: Any, place: int
) -> None:
    check_damaged(whole, folder, command, lambda path: change_value(path, place, value), pattern, place)


@drawn(40)
@given(
    command=st.sampled_from(COMMANDS),
    pattern=st.sampled_from(IN_STAGES),
    content=st.sampled_from(sorted(PLANTED)),
    place=st.integers(0, 7),
)
def test_a_stage_with_a_forged_file(
    whole: Path, folder: Path, command: str, pattern: str, content: str, place: int
) -> None:
    check_damaged(whole, folder, command, lambda path: plant_in_stage(path, PLANTED[content]), pattern, place)


@drawn(40)
@given(
    command=st.sampled_from(COMMANDS),
    pattern=st.sampled_from(FOLDERS),
    damage=st.sampled_from(
        ["removed", "a pipe", "a socket", "a folder", "a dangling link", "a link to itself", "a link out", "empty"]
    ),
)
def test_a_storage_with_a_damaged_folder(whole: Path, folder: Path, command: str, pattern: str, damage: str) -> None:
    check_damaged(whole, folder, command, KINDS[damage], pattern, 0)
