"""Artifacts, checkpoints, weights and archives of a stranger run no code: each is named in one line."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.plan.plan import make_plan, plan_text
from orchestrator.space.space import build
from orchestrator.store.stage_records import check_records
from orchestrator.store.sweep_store import SweepStore
from tasks.__main__ import main
from tasks.errors import CorruptArtifactError, StageError
from tasks.keys import hash_json
from tasks.models.stored import load_stored_model
from tasks.stages.context import Context
from tasks.stages.run import run_stages
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tests.conftest import CONFIG
from tests.support.cifar_files import write_cifar10
from tests.support.command_line import run_here
from tests.support.damage import WEIGHTS


class Harmful:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A storage with one trained model, and its key."""
    folder = tmp_path_factory.mktemp("made") / "storage"
    plan = make_plan(build("victim", "victim", {**CONFIG, "train": {**CONFIG["train"], "epochs": 1}}), None)  # type: ignore[dict-item]
    stage = plan.trials[0].chain[0]
    run_stages([stage], Context(StageStore(open_storage(folder)), device="cpu"))
    storage = open_storage(folder)
    storage.write(SweepStore(storage, plan.sweep_id).path("plan.json"), plan_text(plan))
    return folder, stage.key


def planted(made: tuple[Path, str], name: str, content: bytes, *, forged: bool = False) -> StageStore:
    """The store with another file in place of one; `forged` mends the checksums, as a stranger can."""
    folder, key = made
    stage = folder / "stages" / key
    before = {file: file.read_bytes() for file in stage.iterdir()}
    (stage / name).write_bytes(content)
    if forged:
        record = json.loads((stage / "stage.json").read_bytes())
        record["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        record.pop("checksum")
        (stage / "stage.json").write_text(json.dumps({**record, "checksum": hash_json(record)}))
    PLANTED.append(before)
    return StageStore(open_storage(folder))


PLANTED: list[dict[Path, bytes]] = []


@pytest.fixture(autouse=True)
def mended() -> Any:
    """Every test finds the model as it was made."""
    yield
    while PLANTED:
        for file, content in PLANTED.pop().items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


@pytest.mark.parametrize("forged", [False, True])
@pytest.mark.parametrize("name", ["model.safetensors", "stage.json"])
def test_a_planted_artifact_is_named_and_runs_nothing(
    made: tuple[Path, str], name: str, forged: bool, tmp_path: Path
) -> None:
    harmful = pickle.dumps(Harmful(tmp_path / "ran"))
    store = planted(made, name, harmful, forged=forged and name != "stage.json")
    with pytest.raises(CorruptArtifactError, match=rf"stage {made[1][:12]}: {name} (has|holds no weights|cannot be)"):
        load_stored_model(store, made[1])
    if name == "stage.json" or not forged:
        checked = check_records(store, [made[1]])
        (note,) = checked.set_aside
        assert not checked.whole
        assert f"{name} " in note
        assert "set aside as corrupt/" in note
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "model",
    [
        {"name": "os.system", "stem": "cifar", "channels": 1, "classes": 10, "mean": 0.0, "std": 1.0},
        {"name": "resnet8", "stem": "cifar", "channels": 1, "classes": 3, "mean": 0.0, "std": 1.0},
        {"name": "resnet8", "stem": "cifar", "channels": 1, "classes": "__import__('os')", "mean": 0.0, "std": 1.0},
        {"__class__": "x"},
        None,
    ],
)
def test_a_forged_description_is_named(made: tuple[Path, str], model: Any) -> None:
    folder, key = made
    record = json.loads((folder / "stages" / key / "stage.json").read_bytes())
    record.pop("checksum")
    record["model"] = model
    store = planted(made, "stage.json", json.dumps({**record, "checksum": hash_json(record)}).encode())
    with pytest.raises(CorruptArtifactError, match=r"stage.json does not describe model.safetensors"):
        load_stored_model(store, key)


def test_a_record_reaches_no_file_outside_its_stage(made: tuple[Path, str]) -> None:
    folder, key = made
    record = json.loads((folder / "stages" / key / "stage.json").read_bytes())
    record.pop("checksum")
    for name in ("../../../secret", "/etc/hostname", "sub/file.txt"):
        record["files"] = {name: {"bytes": 1, "sha256": "0" * 64}}
        store = planted(made, "stage.json", json.dumps({**record, "checksum": hash_json(record)}).encode())
        with pytest.raises(CorruptArtifactError, match="names files that are not beside it"):
            store.verify(key)


def test_a_planted_checkpoint_runs_nothing(tmp_path: Path) -> None:
    stage = make_plan(build("victim", "victim", CONFIG), None).trials[0].chain[0]
    storage = open_storage(tmp_path / "storage")
    store = StageStore(storage)
    storage.write(store.name_checkpoint(stage.key), pickle.dumps(Harmful(tmp_path / "ran")))
    (record,) = run_stages([stage], Context(store, device="cpu"))
    assert record["resumed_from"] == 0
    assert not (tmp_path / "ran").exists()


def test_weights_of_a_stranger_run_nothing(tmp_path: Path) -> None:
    for name, content in (("w.pt", Harmful(tmp_path / "ran")), ("w.safetensors", Harmful(tmp_path / "ran"))):
        (tmp_path / name).write_bytes(pickle.dumps(content))
        config = {**CONFIG, "model": {"name": "resnet8", "weights": str(tmp_path / name)}}
        stage = make_plan(build("victim", "victim", config), None).trials[0].chain[0]
        with pytest.raises(StageError, match=rf"model.weights: .*{name} (holds|cannot)"):
            run_stages([stage], Context(StageStore(open_storage(tmp_path / "storage")), device="cpu"))
    torch.save({"model": Harmful(tmp_path / "ran")}, tmp_path / "whole.pt")
    config = {**CONFIG, "model": {"name": "resnet8", "weights": str(tmp_path / "whole.pt")}}
    with pytest.raises(StageError, match="holds more than weights, and is refused"):
        run_stages(
            [make_plan(build("victim", "victim", config), None).trials[0].chain[0]],
            Context(StageStore(open_storage(tmp_path / "storage")), device="cpu"),
        )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_none_are_refused_in_a_line(made: tuple[Path, str], name: str) -> None:
    """Headers that are as long as nothing can be, tensors that overlap: with the checksums that belong to them."""
    store = planted(made, "model.safetensors", WEIGHTS[name], forged=True)
    with pytest.raises(CorruptArtifactError, match=r"\Astage [0-9a-f]{12}: [^\n]*\Z"):
        load_stored_model(store, made[1])


@pytest.mark.parametrize("batch", ["data_batch_3", "test_batch", "batches.meta"])
def test_an_archive_of_images_that_would_run_code_is_refused_by_a_trial(
    batch: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_cifar10(tmp_path / "data", "py")
    (tmp_path / "data" / "cifar-10-batches-py" / "batches.meta.txt").unlink()
    (tmp_path / "data" / "cifar-10-batches-py" / batch).write_bytes(pickle.dumps(Harmful(tmp_path / "harm")))
    space = tmp_path / "space.yaml"
    space.write_text(json.dumps({**CONFIG, "dataset": {"name": "cifar10"}}))
    for command in (["data", "prepare", "cifar10"], ["plan", "--space", space, "--storage", tmp_path / "storage"]):
        assert not run_here(*command, "--data-dir", tmp_path / "data").shows_defect
    capsys.readouterr()
    options = ["--config", space, "--storage", tmp_path / "storage", "--data-dir", tmp_path / "data"]
    assert main([str(option) for option in options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{batch} cannot be read: it names posix.mkdir, which no copy of the data set does: refused" in line
    assert not (tmp_path / "harm").exists()
