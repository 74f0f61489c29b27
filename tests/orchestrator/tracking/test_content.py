"""What a W&B run of a trial holds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from orchestrator.results.stage_tables import load_stage_table
from orchestrator.results.tradeoff import format_setting
from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking import content
from orchestrator.tracking.content import build_trial_run, flatten_config
from tasks import paths
from tasks.schema import EXAMPLES
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tests.support.ample_sweep import list_known_ids
from tests.support.kept import expect_kept
from tests.support.rows import ifgsm
from tests.support.wandb_sweep import Sweep


def test_a_run_of_a_trial_holds_what_its_row_and_artifacts_say(written: Sweep) -> None:
    rows = {row["trial_id"]: row for row in written.store.rows()}
    runs = [run for run in written.runs() if run.job_type == "trial"]
    assert {run.config["trial_id"] for run in runs} == rows.keys()
    for run in runs:
        row = rows[run.config["trial_id"]]
        assert run.group == row["sweep_id"]
        assert run.name == f"e{format_setting('attack_eps', row['attack_eps'])} s0 {row['trial_id'][:7]}"
        assert run.tags == ["digits", "resnet8", "ifgsm"]
        assert run.config["train"]["optimizer"]["lr"] == 0.1
        assert {name: run.summary[name] for name in ("clean_accuracy", "robust_correct", "attack_eps")} == {
            name: row[name] for name in ("clean_accuracy", "robust_correct", "attack_eps")
        }
        assert run.axes["train/*"] == "train/epoch"
        assert [entry["train/epoch"] for entry in run.history if "train/epoch" in entry] == [0, 1]
        assert {"confusion_clean_table", "confusion_adversarial_table", "adversarial_examples"} <= run.history[
            -1
        ].keys()
        assert run.exit_code == 0


def test_a_certificate_has_no_attacked_images(written: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its table of examples has no adversarial prediction to count and no image to show."""
    row = next(row for row in written.store.rows() if row["attack_eps"])
    store = StageStore(written.store.storage)

    def load_without_images(store: StageStore, key: str, name: str, schema: pa.Schema) -> pa.Table | None:
        table = load_stage_table(store, key, name, schema)
        if table is None or name != paths.EXAMPLES:
            return table
        place = schema.get_field_index("adversarial_prediction")
        return table.set_column(place, schema.field(place), pa.nulls(len(table), schema.field(place).type))

    assert build_trial_run(row, store, "by an attack").confusion.keys() == {"confusion_clean", "confusion_adversarial"}
    monkeypatch.setattr(content, "load_stage_table", load_without_images)
    found = build_trial_run(row | {"bound": "lower"}, store, "certified")
    assert (found.images, found.confusion) == ({}, {})
    assert found.histories
    assert found.summary["robust_correct"] == row["robust_correct"]


def test_the_confusion_matrix_has_the_label_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Three images: of class 0 one is said to be 2, of class 1 one is said to be 0."""
    blank = dict.fromkeys(EXAMPLES.names)
    said = [(0, 2), (1, 0), (2, 2)]
    images = [blank | {"label": label, "clean_prediction": label, "adversarial_prediction": a} for label, a in said]
    table = pa.Table.from_pylist(images, schema=EXAMPLES)
    monkeypatch.setattr(content, "load_stage_table", lambda _, __, name, ___: table if name == paths.EXAMPLES else None)
    row = ifgsm("8/255", 10, 1, classes=3)
    found = build_trial_run(row, StageStore(open_storage(tmp_path)), "run", ("cat", "dog", "owl")).confusion
    cells = {(actual, told): n for actual, told, n in found["confusion_adversarial"].rows}
    assert {cell for cell, n in cells.items() if n} == {("cat", "owl"), ("dog", "cat"), ("owl", "owl")}
    assert len(cells) == 9


def test_a_deep_configuration_becomes_shallow() -> None:
    deep = {"attack": {"surrogate": {"train": {"optimizer": {"lr": 0.1, "name": "sgd"}}}}, "seed": 1}
    assert flatten_config(deep) == {
        "attack": {"surrogate": {"train": {"optimizer_lr": 0.1, "optimizer_name": "sgd"}}}, "seed": 1
    }  # fmt: skip


def test_all_that_the_run_of_a_trial_holds(ample: SweepStore) -> None:
    """Of a pruned and tuned model, whose three stages have epochs, counts and images of their own."""
    tuned = [row for row in ample.rows() if row["lambda"] and row["pruning_ratio"] and row["status"] == "finished"]
    row = next(row for row in tuned if (row["attack"], row["seed"]) == ("pgd", 1))
    found = build_trial_run(row, StageStore(ample.storage), "as it is listed", tuple("abcdefghij"))
    assert found.images.keys() == {"adversarial_examples"}
    counts = {name: [cell for cell in table.rows if cell[2]] for name, table in found.confusion.items()}
    shown = {**vars(found), "images": list(found.images), "confusion": counts}
    lines = [f"{name}: {value}" for name, value in shown.items()]
    expect_kept("wandb_trial.txt", "\n".join(lines).replace("}, {", "},\n {"), [*list_known_ids(ample), found.id])


def make_examples(*rows: tuple[int, int, int]) -> pa.Table:
    names = ("label", "clean_prediction", "adversarial_prediction")
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})


def test_a_matrix_has_the_true_class_first_and_names_where_they_fit() -> None:
    examples = make_examples((0, 0, 1), (1, 0, 2), (1, 1, 2))
    row = {"classes": 3}
    found = content._build_confusion(row, examples, ["a", "b", "c"])
    cells = {when: {(actual, said): count for actual, said, count in table.rows if count}
             for when, table in found.items()}  # fmt: skip
    assert cells == {
        "confusion_clean": {("a", "a"): 1, ("b", "a"): 1, ("b", "b"): 1},
        "confusion_adversarial": {("a", "b"): 1, ("b", "c"): 2},
    }
    assert [len(table.rows) for table in found.values()] == [9, 9]
    numbers = content._build_confusion(row, examples, ["a", "b"])["confusion_clean"]
    assert [cell[0] for cell in numbers.rows[::3]] == ["0", "1", "2"]


@pytest.mark.parametrize(("classes", "drawn"), [(100, True), (101, False), (None, False)])
def test_a_matrix_of_very_many_classes_or_of_no_images_is_not_drawn(classes: int | None, drawn: bool) -> None:
    examples = make_examples((0, 0, 1))
    assert bool(content._build_confusion({"classes": classes}, examples, [])) is drawn
    assert content._build_confusion({"classes": 3}, None, []) == {}


def test_of_a_certificate_no_table_of_images_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "load_stage_table", lambda _, key, *__: key)
    store: Any = SimpleNamespace()
    found = [content._read_examples({"bound": bound, "attack_key": "k"}, store) for bound in ("upper", "lower")]
    assert found == ["k", None]
