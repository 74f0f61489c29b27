"""A verification: where it runs, with what, and what it says, with the launch and the questions played."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from orchestrator import settle as module
from orchestrator.options import LaunchOptions
from orchestrator.remote import launch as remote
from orchestrator.results import image_reader
from orchestrator.results.image_reader import ImageReader, Robust
from orchestrator.settle import settle_sweep
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.storage import open_storage


class Verification:
    """Two questions, of which the second has no cell."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sweep = SweepStore(open_storage(folder), "made-1")
        self.questions = [SimpleNamespace(name="q1", cells={"longer": 1, "restart": 2}),
                          SimpleNamespace(name="q2", cells={})]  # fmt: skip
        self.launched: list[tuple[Any, ...]] = []
        self.seen: list[Robust | None] = []
        """What each step sees of the images of a trial."""
        self.space = SimpleNamespace(name="verify_made")
        monkeypatch.setattr(module, "list_questions", self.ask)
        monkeypatch.setattr(
            module, "make_space", lambda _, questions: self.space if questions == self.questions else None
        )
        monkeypatch.setattr(module, "make_plan", lambda space, _: SimpleNamespace(sweep_id=f"{space.name}-9"))
        monkeypatch.setattr(module, "settle", self.answer)
        monkeypatch.setattr(module, "judge_again", self.judge)
        monkeypatch.setattr(module, "launch_space", lambda *words: self.note(7, words))
        monkeypatch.setattr(remote, "run_there", lambda *words: self.note(8, words))
        monkeypatch.setattr(SweepStore, "rows", lambda store: [("restart", store.sweep_id)])

    def look(self, read: ImageReader) -> None:
        self.seen.append(read({"attack_key": "k"}))

    def ask(self, _: SweepStore, read: ImageReader) -> list[SimpleNamespace]:
        self.look(read)
        return self.questions

    def judge(self, _: SweepStore, rows: list[Any], read: ImageReader) -> list[Any]:
        self.look(read)
        return rows

    def answer(self, question: SimpleNamespace, rows: list[Any], read: ImageReader) -> dict[str, Any]:
        self.look(read)
        return {"name": question.name, "tried": dict(rows)}

    def note(self, code: int, words: tuple[Any, ...]) -> int:
        self.launched.append(words[:-1])
        return code

    def settle(self, **options: Any) -> Any:
        return settle_sweep(self.sweep, "the storage", Console(quiet=True), **options)


@pytest.fixture
def verification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verification:
    return Verification(tmp_path, monkeypatch)


def test_cells_run_in_the_same_storage_without_wandb_and_those_that_did_not_run_stand_there(
    verification: Verification,
) -> None:
    found = verification.settle(data_dir=Path("/data"), device="cpu", address="head:6379")
    options = LaunchOptions(
        "verify_made", storage="the storage", data_dir=Path("/data"), address="head:6379", device="cpu",
        wandb="disabled",
    )  # fmt: skip
    assert verification.launched == [(verification.space, options)]
    assert found.code == 7
    assert found.lines == [
        {"name": "q1", "tried": {"longer": None, "restart": "verify_made-9"}}, {"name": "q2", "tried": {}}
    ]  # fmt: skip


@pytest.mark.parametrize(("data_dir", "more"), [(Path("/data"), ("--data-dir=/data",)), (None, ())])
def test_on_another_machine_the_same_command_runs(
    verification: Verification, data_dir: Path | None, more: tuple[str, ...]
) -> None:
    found = verification.settle(data_dir=data_dir, device="cuda", address="http://head:8265")
    ((words, options, address, space),) = verification.launched
    assert words == ("verify", "made-1", "--no-answer", "--storage=the storage", "--device=cuda", *more)
    assert (options.storage, options.data_dir, address.text, space) == (
        "the storage", data_dir, "http://head:8265", verification.space,
    )  # fmt: skip
    assert found.code == 8


def test_nothing_runs_where_nothing_is_asked_or_only_looked_at(verification: Verification) -> None:
    dry = verification.settle(dry_run=True)
    assert (dry.code, dry.lines[0]["tried"]) == (0, {"longer": None, "restart": None})
    assert dry.space is verification.space
    verification.questions[0].cells = {}
    assert verification.settle().code == 0
    assert verification.settle(dry_run=True).space is None
    assert verification.launched == []


@pytest.mark.parametrize(("there_before", "reads", "seen_before"), [(True, 1, {3: True}), (False, 2, None)])
def test_images_are_read_once_and_those_that_were_missing_before_the_launch_again_after_it(
    verification: Verification,
    monkeypatch: pytest.MonkeyPatch,
    there_before: bool,
    reads: int,
    seen_before: Robust | None,
) -> None:
    asked: list[str] = []

    def load(_: object, key: str, *__: object, **___: object) -> pa.Table | None:
        asked.append(key)
        return pa.table({"index": [3], "robust": [True]}) if there_before or verification.launched else None

    monkeypatch.setattr(image_reader, "load_stage_table", load)
    verification.settle()
    assert verification.seen == [seen_before, *[{3: True}] * 3], "the questions, the checks, and both answers"
    assert len(asked) == reads
