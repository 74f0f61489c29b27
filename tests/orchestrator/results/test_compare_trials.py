"""Two trials image by image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from orchestrator.results import compare_trials
from orchestrator.store.sweep_store import find_trial
from tasks.errors import UsageError
from tasks.kinds import MODEL_KEYS
from tasks.storage.storage import Storage, open_storage
from tests.support.command_line import run_here
from tests.support.report_data import WITHOUT_TUNING, made_up


@pytest.mark.slow
def test_two_trials_compare_image_by_image(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING)
    rows = [row for row in sweep.rows() if row["seed"] == 0 and row["attack_steps"] == 10]
    weak, strong = (min(rows, key=lambda row: row["robust_correct"]), max(rows, key=lambda row: row["robust_correct"]))
    shown = json.loads(
        run_here("compare", strong["trial_id"], weak["trial_id"], "--storage", tmp_path, "--json").stdout
    )
    robust = shown["measures"][1]
    lead = strong["robust_correct"] - weak["robust_correct"]
    assert (robust["only_first"], robust["only_second"]) == (lead, 0)
    assert robust["difference"] == pytest.approx(lead / 120)
    assert robust["low"] < robust["difference"] < robust["high"]
    assert robust["p"] < 0.001
    budgets = [strong["attack_eps"], weak["attack_eps"]]
    assert shown["differences"] == {"attack_eps": budgets}
    same = run_here("compare", strong["trial_id"], strong["trial_id"], "--storage", tmp_path)
    assert (same.code, "noise" in same.stdout) == (0, True)
    unknown = run_here("compare", "ffff", "0000", "--storage", tmp_path)
    assert (unknown.code, "there is no trial 'ffff'" in unknown.stderr) == (2, True)


def test_trials_on_different_test_images_are_not_compared(tmp_path: Path) -> None:
    larger = {**WITHOUT_TUNING, "dataset": {"name": "digits", "image_size": 16, "split": {"test": 0.3}}}
    contents = {"first": WITHOUT_TUNING, "second": larger}
    sweeps = [made_up(tmp_path, content, name, images=False) for name, content in contents.items()]
    trials = [sweep.rows()[0]["trial_id"] for sweep in sweeps]
    ended = run_here("compare", *trials, "--storage", tmp_path)
    assert ended.code == 2
    assert "different test splits" in ended.stderr


FAIR = "McNemar's exact test: of these two models, not of their settings"


@pytest.mark.parametrize(
    ("first", "second", "said", "robust"),
    [
        ({"pruning": 0.4}, {"pruning": 0.0}, FAIR, "differ"),
        ({"pruning": 0.4, "examples": 40}, {"pruning": 0.0, "examples": 80}, FAIR, "differ"),
        ({"pruning": 0.4, "eps": 0.1}, {"pruning": 0.0, "eps": 0.2}, "attacked otherwise (attack.eps)", "not compared"),
        (
            {"pruning": 0.4, "name": "pgd", "eps": 0.1},
            {"pruning": 0.0, "name": "ifgsm", "eps": 0.2},
            "attacked otherwise (attack.name), so their robust accuracies do not compare the models",
            "not compared",
        ),
        ({"eps": 0.1}, {"eps": 0.2}, "McNemar's exact test: of two attacks on one model", "differ"),
        ({"pruning": 0.4, "stop_when_fooled": False}, {"stop_when_fooled": True}, "attack.stop", "not compared"),
        ({"behind": "noise", "stop_when_fooled": False}, {"stop_when_fooled": True}, FAIR, "differ"),
    ],
)
def test_models_that_were_attacked_otherwise_are_not_said_to_differ(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    first: dict[str, Any],
    second: dict[str, Any],
    said: str,
    robust: str,
) -> None:
    def make(name: str, settings: dict[str, Any]) -> tuple[dict[str, Any], str]:
        attack = dict(settings)
        ratio, behind = attack.pop("pruning", 0.0), attack.pop("behind", None)
        config = {"dataset": {"split": {}}, "prune": {"ratio": ratio}, "inference": behind, "attack": attack}
        keys = dict.fromkeys(MODEL_KEYS) | {"train_key": "trained", "prune_key": f"pruned {ratio}"}
        columns = dict.fromkeys(compare_trials.SHOWN) | {"trial_id": name, "transformations": behind} | keys
        return columns | {"config": json.dumps(config)}, "data"

    sides = {"one": make("one", first), "two": make("two", second)}
    monkeypatch.setattr(compare_trials, compare_trials._find_finished.__name__, lambda _, name: sides[name])
    right = {"one": True, "two": False}
    monkeypatch.setattr(
        compare_trials,
        compare_trials._load_images.__name__,
        lambda _, row: dict.fromkeys(range(20), (True, right[row["trial_id"]])),
    )
    found = compare_trials.compare_trials(open_storage(tmp_path), "one", "two")
    text = "\n".join(compare_trials.describe_comparison(found))
    assert said in text
    line = next(line for line in text.splitlines() if line.startswith("robust accuracy"))
    assert line.split("  ")[-1].strip() == robust


@pytest.mark.parametrize("turned", [False, True])
def test_what_only_one_of_two_trials_has_is_a_difference_in_either_order(turned: bool) -> None:
    """Settings that a column shows, or whose values one does, stand there once."""
    columns = dict.fromkeys(compare_trials.SHOWN) | {"transformations": None, "lambda": 0.5, "eps_train": 0.1}
    plain = {"model": {"name": "a"}, "attack": {"eps": 0.2, "norm": "l2", "batch_size": 8}}
    tuned = {"model": {"name": "a"}, "attack": {"eps": 0.2, "steps": 5}, "train": {"lambda": 0.7, "epochs": 3}}
    rows = [columns | {"config": json.dumps(plain)}, columns | {"lambda": 0.7, "config": json.dumps(tuned)}]
    expected: dict[str, list[Any]] = {
        "lambda": [0.5, 0.7], "attack.batch_size": [8, None], "attack.norm": ["l2", None], "attack.steps": [None, 5],
        "train.epochs": [None, 3], "train.lambda": [None, 0.7],
    }  # fmt: skip
    if turned:
        rows, expected = rows[::-1], {name: values[::-1] for name, values in expected.items()}
    assert compare_trials._list_differences(*rows) == expected
    assert list(compare_trials._list_differences(*rows)) == list(expected), "columns, then paths in order"
    assert compare_trials._list_attack_differences(*rows) == ["attack.norm", "attack.steps"]
    rows[1]["lambda"] = rows[0]["lambda"]
    assert "lambda" not in compare_trials._list_differences(*rows)


def test_many_differences_are_named_up_to_a_number() -> None:
    entry = {"measure": "robust accuracy", "first": 0.5, "second": 0.5, "difference": 0.0, "low": 0.0, "high": 0.0,
             "only_first": 0, "only_second": 0, "p": 0.05}  # fmt: skip
    found: dict[str, Any] = {"trials": [{"trial_id": "one"}, {"trial_id": "two"}], "images": 9, "same_model": False,
                             "attacked_otherwise": ["a", "b", "c"], "measures": [entry]}  # fmt: skip
    for count, more in (0, None), (12, None), (13, "... and 1 more settings"):
        found["differences"] = {f"setting{number}": [0, 1] for number in range(count)}
        lines = compare_trials.describe_comparison(found)
        shown = "\n".join(lines)
        assert shown.count("\nsetting") == min(count, 12)
        assert ("they differ in" in shown) == (count > 0)
        assert (lines[-1] if "more settings" in shown else None) == more
        assert "attacked otherwise (a, b, c), so" in shown
    found["attacked_otherwise"].append("d")
    assert "attacked otherwise (a, b, c, ...), so" in "\n".join(compare_trials.describe_comparison(found))
    assert [compare_trials._judge(entry | {"p": p}, True) for p in (0.05, 0.0501)] == ["differ", "noise"]


def test_images_of_other_data_are_not_paired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same settings, and files that have changed between two sweeps."""
    rows = made_up(tmp_path, WITHOUT_TUNING).rows()
    first, second = (row["trial_id"] for row in rows[:2])

    def find_changed(storage: Storage, name: str) -> Any:
        sweep, keys, stages = find_trial(storage, name)
        changed = {key: {**stage, "data": "f" * 64} for key, stage in stages.items()}
        return sweep, keys, changed if name == second else stages

    compare_trials.compare_trials(open_storage(tmp_path), first, second)
    monkeypatch.setattr(compare_trials, "find_trial", find_changed)
    with pytest.raises(UsageError, match="different test splits"):
        compare_trials.compare_trials(open_storage(tmp_path), first, second)


def test_trials_without_images_or_without_one_in_common_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {**WITHOUT_TUNING, "prune": None, "seed": 0}
    sweep = made_up(tmp_path / "kept", content, finished=lambda n: n < 4, failed=lambda n: n == 5)
    first, second = sorted(row["trial_id"] for row in sweep.rows() if row["status"] == "finished")[:2]
    (failed,) = (row["trial_id"] for row in sweep.rows() if row["status"] == "failed")

    def compare(one: str, other: str, folder: str = "kept") -> Any:
        return compare_trials.compare_trials(open_storage(tmp_path / folder), one, other)

    assert compare(first, second)["images"] == 120
    with pytest.raises(UsageError, match=rf"^trial {failed} is not finished: it has no images to compare$"):
        compare(first, failed)
    made_up(tmp_path / "bare", content, images=False)
    with pytest.raises(UsageError, match=rf"^the images of trial {first} are not in .*bare$"):
        compare(first, second, "bare")
    with monkeypatch.context() as patch:
        sides = iter([{1: (True, True), 2: (True, False)}, {3: (True, True)}])
        patch.setattr(compare_trials, compare_trials._load_images.__name__, lambda *_: next(sides))
        with pytest.raises(UsageError, match=rf"^trials {first} and {second} attacked no image in common$"):
            compare(first, second)

    def break_off(*_: Any) -> Any:
        raise pa.ArrowInvalid("no Parquet")

    monkeypatch.setattr(compare_trials, "read_table", break_off)
    with pytest.raises(UsageError, match=rf"^the images of trial {first} cannot be read: no Parquet$"):
        compare(first, second)
