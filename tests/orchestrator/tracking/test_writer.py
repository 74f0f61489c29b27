"""Writing runs offline, and one that cannot be written."""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking import client, writer
from orchestrator.tracking.content import CONFUSION, RunContent, Table
from orchestrator.tracking.folder import WandbFolder, run_id
from tasks.storage.storage import open_storage
from tests.support.wandb_sweep import TRIALS, Sweep


@pytest.mark.slow
def test_one_run_that_cannot_be_written_keeps_no_other_from_it(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(WandbFolder(sweep.store).path)
    victim = sorted(sweep.ids())[0]
    monkeypatch.delitem(sys.modules, client.JOB_INPUTS, raising=False)
    write = writer.Writer.fill

    def fails(self: writer.Writer, run: object, content: RunContent) -> None:
        if content.id == victim:
            raise OSError("no space left")
        write(self, run, content)

    with monkeypatch.context() as patch:
        patch.setattr(writer.Writer, "fill", fails)
        code, shown = sweep.launch("offline")
    assert code == 0
    assert shown.count("no space left") == 1
    assert "1 runs could not be written" in shown
    assert len(WandbFolder(sweep.store).written()) == TRIALS
    assert "W&B" not in sweep.launch("offline")[1]
    runs = sweep.runs()
    assert len(runs) == TRIALS + 1, "what was cut short is gone"
    assert all(run.exit_code == 0 for run in runs)
    assert client.JOB_INPUTS not in sys.modules, "W&B has imported nothing that starts its jobs"


class Library:
    """W&B's own library: notes what it is told."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.run = SimpleNamespace(
            define_metric=lambda *words, **more: self.done.append(("axis", *words, more)),
            log=lambda entry: self.done.append(("log", entry)),
            log_artifact=lambda artifact: self.done.append(("artifact", artifact.files)),
            summary={"old": 1},
            finish=lambda **more: self.done.append(("finish", more)),
        )

    def init(self, **options: Any) -> Any:
        self.done.append(("init", options))
        return self.run

    def teardown(self) -> None:
        self.done.append("teardown")

    def Settings(self, **settings: Any) -> Any:  # noqa: N802
        return settings

    def Image(self, image: Any) -> Any:  # noqa: N802
        return ("image", image.size)

    def Table(self, columns: Any, data: Any) -> Any:  # noqa: N802
        return ("table", columns, data)

    def Artifact(self, name: str, type: str) -> Any:  # noqa: A002, N802
        files: list[Any] = [name, type]
        return SimpleNamespace(files=files, add_file=lambda path, name: files.append((path, name)))

    def plot_table(self, *words: Any) -> Any:
        return ("plot", *words)


def make_content() -> RunContent:
    sink = io.BytesIO()
    Image.new("RGB", (3, 2)).save(sink, "PNG")
    return RunContent(
        key="t", id="id-of-t", group="made-1", job_type="trial", name="a trial", tags=("x", "y"), config={"seed": 2},
        summary={"robust": 0.3}, histories={"train": [{"train/epoch": 0}, {"train/epoch": 1}]},
        axes={"train": "train/epoch"}, images={"picture": sink.getvalue()},
        confusion={"confusion_clean": Table(("A", "B"), [["a", 1]])}, tables={"trials": Table(("c",), [(5,)])},
        files={"results": [Path("/r/trials.parquet")]},
    )  # fmt: skip


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    found = Library()
    monkeypatch.setattr(writer, "import_wandb", lambda: found)
    for name in ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_SILENT", "WANDB_ERROR_REPORTING"):
        monkeypatch.setenv(name, "before")
    return found


def test_a_run_is_begun_anew_filled_and_noted_once_it_is_whole(library: Library, tmp_path: Path) -> None:
    folder = WandbFolder(SweepStore(open_storage(tmp_path), "made-1"))
    runs = [folder.path / "wandb" / f"offline-run-{n}-{run_id('made-1', key)}" for n, key in enumerate("ttu")]
    for run in runs:
        run.mkdir(parents=True)
    made = writer.Writer(folder, "mine")
    assert os.environ["WANDB_DIR"] == str(folder.path)
    made.write(make_content())
    assert [run.exists() for run in runs] == [False, False, True], "what is there of it would stand twice"
    (_, options), *rest, finish = library.done
    settings = options.pop("settings")
    assert options == {
        "project": "mine", "group": "made-1", "job_type": "trial", "name": "a trial", "id": "id-of-t",
        "tags": ["x", "y"], "config": {"seed": 2}, "mode": "offline", "reinit": "create_new",
    }  # fmt: skip
    assert (settings["root_dir"], settings["console"], settings["silent"]) == (str(folder.path), "off", True)
    assert [settings[name] for name in ("disable_git", "disable_code", "x_disable_machine_info")] == [True] * 3
    assert (settings["x_save_requirements"], settings["x_disable_stats"]) == (False, True)
    matrix = ("table", ["A", "B"], [["a", 1]])
    shown = {
        "picture": ("image", (3, 2)), "trials": ("table", ["c"], [[5]]),
        "confusion_clean": ("plot", CONFUSION, matrix, {"A": "A", "B": "B"}, {"title": "confusion clean"}),
    }  # fmt: skip
    assert rest == [
        ("axis", "train/epoch", {}), ("axis", "train/*", {"step_metric": "train/epoch"}),
        ("log", {"train/epoch": 0}), ("log", {"train/epoch": 1}), ("log", shown),
        ("artifact", ["results", "results", ("/r/trials.parquet", "trials.parquet")]),
    ]  # fmt: skip
    assert (library.run.summary, finish, folder.written()) == ({"old": 1, "robust": 0.3}, ("finish", {}), ["t"])
    made.close()
    assert library.done[-1] == "teardown"


def test_a_run_that_was_cut_short_ends_as_failed_and_is_not_whole(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("full")

    folder = WandbFolder(SweepStore(open_storage(tmp_path), "made-1"))
    library.run.log_artifact = fail
    with pytest.raises(OSError, match="full"):
        writer.Writer(folder, "mine").write(make_content())
    assert library.done[-1] == ("finish", {"exit_code": 1})
    monkeypatch.setattr(library.run, "finish", fail)
    with pytest.raises(OSError, match="full"):
        writer.Writer(folder, "mine").write(make_content())
    assert folder.written() == []
