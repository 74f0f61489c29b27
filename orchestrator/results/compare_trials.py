"""`advsweep compare`: two trials on the same test images."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from orchestrator.results.pivot import STOPS
from orchestrator.results.statistics import compute_mcnemar, estimate_difference_of_rates
from orchestrator.results.tradeoff import format_setting, list_leaf_settings
from orchestrator.store.sweep_store import find_trial
from orchestrator.text import format_percent, format_table
from tasks import paths
from tasks.errors import UsageError
from tasks.keys import hash_json
from tasks.schema import EXAMPLES, read_table
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage
from tasks.trial.row import Row, identify_model

ROBUST = "robust accuracy"
MEASURES = ("clean accuracy", ROBUST)
NOISE = 0.05
SHOWN = (
    "trial_id", "seed", "dataset", "model", "pruning_ratio", "objective", "lambda", "train_attack", "eps_train",
    "train_steps", "attack", "attack_norm", "attack_eps", "attack_steps", "attack_surrogate",
)  # fmt: skip
"""Columns that say which trial it is."""
MOST_DIFFERENCES = 12
"""Settings that are listed for people."""
MOST_NAMED = 3
"""Settings of attacks that a line names."""
NAME = "attack.name"
OF_IMAGES = ("attack.batch_size", "attack.examples", "attack.only_correct")
"""Settings of an evaluation that leave each image's attack as it is."""


def compare_trials(storage: Storage, first: str, second: str) -> dict[str, Any]:
    """Both trials over the images that both attacked, as plain data.

    :raises UsageError: there is no such trial, it is not finished, or the two share no test image.
    """
    sides = [_find_finished(storage, name) for name in (first, second)]
    if sides[0][1] != sides[1][1] or split_of(sides[0][0]) != split_of(sides[1][0]):
        raise UsageError(f"trials {first} and {second} have different test splits: their images cannot be paired")
    tables = [_load_images(storage, row) for row, _ in sides]
    common = sorted(tables[0].keys() & tables[1].keys())
    if not common:
        raise UsageError(f"trials {first} and {second} attacked no image in common")
    found = [_measure(measure, place, tables, common) for place, measure in enumerate(MEASURES)]
    rows = [row for row, _ in sides]
    trials = [{name: row[name] for name in SHOWN} for row in rows]
    return {
        "trials": trials,
        "images": len(common),
        "same_model": identify_model(rows[0]) == identify_model(rows[1]),
        "attacked_otherwise": _list_attack_differences(*rows),
        "differences": _list_differences(*rows),
        "measures": found,
    }


def _list_differences(first: Row, second: Row) -> dict[str, list[Any]]:
    """Column, or dotted path of a setting that no column shows -> its value in both trials, where they differ."""
    columns = {name: [first[name], second[name]] for name in SHOWN[1:] if first[name] != second[name]}
    leaves = [list_leaf_settings(json.loads(row["config"])) for row in (first, second)]
    settings = {path: [leaf.get(path) for leaf in leaves] for path in sorted(leaves[0].keys() | leaves[1].keys())}
    told = {str(values) for values in columns.values()}
    return columns | {
        path: values
        for path, values in settings.items()
        if values[0] != values[1] and path not in columns and str(values) not in told
    }


def _list_attack_differences(first: Row, second: Row) -> list[str]:
    """Dotted paths of the settings by which one attack may find more than the other; of other attacks the name alone.

    Behind transformations that draw no attack stops at what fools the model, which nobody chose.
    """
    leaves = [list_leaf_settings(json.loads(row["config"])["attack"], "attack") for row in (first, second)]
    ignored = OF_IMAGES if first["transformations"] == second["transformations"] else (*OF_IMAGES, STOPS)
    found = [path for path in sorted(leaves[0].keys() | leaves[1].keys()) if path not in ignored]
    found = [path for path in found if leaves[0].get(path) != leaves[1].get(path)]
    return [NAME] if NAME in found else found


TRAINING_ONLY = ("root", "train_examples", "augment")
"""Settings of a data set that leave its test split as it is."""


def split_of(row: Row) -> str:
    """The same for trials of one data set whose test images are the same, place by place."""
    dataset = json.loads(row["config"])["dataset"]
    kept = {name: value for name, value in dataset.items() if name not in TRAINING_ONLY}
    kept["split"] = {name: value for name, value in kept["split"].items() if name != "validation"}
    return hash_json(kept)


def describe_comparison(found: dict[str, Any]) -> list[str]:
    """The same for people."""
    names = [trial["trial_id"] for trial in found["trials"]]
    comparable = found["same_model"] or not found["attacked_otherwise"]
    columns = ["", *names, "difference", "95 % interval", f"only {names[0][:6]}", f"only {names[1][:6]}", "p", ""]
    rows = [
        [
            entry["measure"],
            format_percent(entry["first"]),
            format_percent(entry["second"]),
            format_percent(entry["difference"]),
            f"{format_percent(entry['low'])} .. {format_percent(entry['high'])}",
            str(entry["only_first"]),
            str(entry["only_second"]),
            f"{entry['p']:.4g}",
            _judge(entry, comparable),
        ]
        for entry in found["measures"]
    ]
    lines = [f"{found['images']} images that both attacked", format_table(columns, rows), _describe_scope(found)]
    settings = [[name, *(format_setting(name, v) for v in values)] for name, values in found["differences"].items()]
    if settings:
        lines += ["", format_table(["they differ in", *names], settings[:MOST_DIFFERENCES])]
    if len(settings) > MOST_DIFFERENCES:
        lines.append(f"... and {len(settings) - MOST_DIFFERENCES} more settings")
    return lines


def _judge(entry: dict[str, Any], comparable: bool) -> str:
    if entry["measure"] == ROBUST and not comparable:
        return "not compared"
    return "noise" if entry["p"] > NOISE else "differ"


def _describe_scope(found: dict[str, Any]) -> str:
    """What the numbers are, and of what they speak."""
    numbers = "intervals of Bonett and Price over images, McNemar's exact test"
    otherwise = found["attacked_otherwise"]
    if not otherwise:
        return f"{numbers}: of these two models, not of their settings"
    if found["same_model"]:
        return f"{numbers}: of two attacks on one model"
    shown = ", ".join(otherwise[:MOST_NAMED]) + (", ..." if len(otherwise) > MOST_NAMED else "")
    told = f"the two were attacked otherwise ({shown}), so their robust accuracies do not compare the models"
    return f"{numbers}\n{told}: compare trials of one attack and budget"


def _find_finished(storage: Storage, name: str) -> tuple[Row, str]:
    """The row of a finished trial, and the fingerprint of its data."""
    sweep, keys, stages = find_trial(storage, name)
    row = next((row for row in sweep.rows() if row["attack_key"] == keys[-1] and row["status"] == "finished"), None)
    if row is None:
        raise UsageError(f"trial {name} is not finished: it has no images to compare")
    return row, str(stages[keys[-1]]["data"])


def _load_images(storage: Storage, row: Row) -> dict[int, tuple[bool, bool]]:
    """Place in the test split -> right before, right after."""
    store = StageStore(storage)
    try:
        content = store.read_file(store.read_record(row["attack_key"]), paths.EXAMPLES)
    except FileNotFoundError:
        raise UsageError(f"the images of trial {row['trial_id']} are not in {storage.uri}") from None
    try:
        table = read_table(content, EXAMPLES)
    except pa.ArrowException as error:
        raise UsageError(f"the images of trial {row['trial_id']} cannot be read: {error}") from None
    clean = table["clean_prediction"].to_numpy() == table["label"].to_numpy()
    pairs = zip(clean.tolist(), table["robust"].to_pylist(), strict=True)
    return dict(zip(table["index"].to_pylist(), pairs, strict=True))


def _measure(measure: str, place: int, tables: list[dict[int, tuple[bool, bool]]], common: list[int]) -> dict[str, Any]:
    one, other = (_read_column(table, place, common) for table in tables)
    test = compute_mcnemar(one, other)
    interval = estimate_difference_of_rates(test)
    rates = {"first": float(one.mean()), "second": float(other.mean()), "difference": interval.mean}
    return {"measure": measure, **rates, "low": interval.low, "high": interval.high, **asdict(test)}


def _read_column(table: dict[int, tuple[bool, bool]], place: int, common: list[int]) -> NDArray[np.bool_]:
    return np.array([table[index][place] for index in common], np.bool_)
