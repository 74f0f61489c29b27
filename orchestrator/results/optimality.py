"""How near each attack comes to the smallest perturbations that anything in the storage has found for a model.

Optimality as AttackBench has it (Cina et al. 2025, arXiv 2404.19460): robust accuracy over the size of perturbations is
a curve that falls. What is missing to 1 is the area between the attack's curve and that of the best, as a share of the
area between the best and an attack that finds nothing. The best takes of each image the smallest perturbation that any
attack found, in whichever norm it searched. Curves are steps, so that areas are exact means of sizes.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from orchestrator.results.bounds import is_lower_bound, select_attacks
from orchestrator.results.stage_tables import load_stage_table
from orchestrator.results.tradeoff import find_shown_paths, list_leaf_settings
from orchestrator.store.sweep_store import SweepStore, iterate_plans
from orchestrator.text import make_sort_key
from tasks import paths
from tasks.attacks.base import UNRESTRICTED
from tasks.keys import hash_json
from tasks.schema import EXAMPLES
from tasks.storage.stage_store import StageStore
from tasks.trial.row import Row, identify_model

AXES = (
    "dataset",
    "model",
    "pruning_ratio",
    "lambda",
    "train_attack",
    "eps_train",
    "objective",
    "transformations",
    "attack_norm",
    "attack",
    "attack_surrogate",
)
MEASURED = ("seeds", "budgets", "examples", "success", "median_size", "optimality")
"""Models, budgets on the curve (null: every size, the attack looks for the smallest), images of each model, the share
of those classified correctly for which a perturbation was found, its median size, and the optimality; means over seeds.
"""
ROUNDING = 1e-5
"""By how much of itself a size may differ from its budget: it is the difference of two fp32 images."""
Sizes = dict[int, float]
"""Index of an image -> size of the smallest perturbation: 0 where it is misclassified, infinite where none is known."""
LoadExamples = Callable[[str], "pa.Table | None"]
"""Key of an attack stage -> its `examples`."""


@dataclass(frozen=True)
class _Curve:
    """What one attack found for one model, over all its budgets."""

    row: Row
    settings: dict[str, Any]
    """Of the trial, without what a curve or a seed varies in."""
    budgets: int | None
    sizes: Sizes


@dataclass(frozen=True)
class _Rank:
    """How one attack did on one model."""

    curve: _Curve
    success: float | None
    median_size: float | None
    optimality: float | None


def list_optimality(sweep: SweepStore, chosen: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """Columns and lines, one for each attack on each configuration of a model, the best first.

    :param chosen: rows of the sweep that are ranked; whatever is in the storage counts toward the best.
    """
    rows = select_attacks([row for row in chosen if row["status"] == "finished"])
    store = StageStore(sweep.storage)

    @cache
    def load(key: str) -> pa.Table | None:
        return load_stage_table(store, key, paths.EXAMPLES, EXAMPLES)

    stored = (row for other, _ in iterate_plans(sweep.storage) for row in other.rows())
    others = (row for row in stored if row["status"] == "finished" and not is_lower_bound(row))
    return rank_attacks(rows, others, load)


def rank_attacks(rows: Sequence[Row], others: Iterable[Row], load: LoadExamples) -> tuple[list[str], list[list[Any]]]:
    """What `list_optimality` answers.

    :param rows: finished trials, which are ranked.
    :param others: finished trials of the whole storage, which count toward the best.
    """
    keys = {identify_model(row) for row in rows}
    known: dict[str, set[str]] = defaultdict(set)
    for row in [*rows, *others]:
        if identify_model(row) in keys and row["attack_norm"] != UNRESTRICTED:
            known[identify_model(row)].add(row["attack_key"])
    groups: dict[str, list[_Rank]] = defaultdict(list)
    for curve in _list_curves(rows, load):
        best = find_smallest(known[identify_model(curve.row)], curve.row["attack_norm"], load)
        same = hash_json({"settings": curve.settings, "norm": curve.row["attack_norm"]})
        groups[same].append(_rank_curve(curve, best))
    firsts = [group[0].curve for group in groups.values()]
    labels = [tuple(curve.row[axis] for axis in AXES) for curve in firsts]
    leaves = [list_leaf_settings(curve.settings) for curve in firsts]
    more = find_shown_paths(labels, leaves)
    lines = [
        [*label, *(leaf.get(path) for path in more), *_pool_models(group)]
        for label, leaf, group in zip(labels, leaves, groups.values(), strict=True)
    ]
    place = AXES.index("attack")
    lines.sort(key=lambda line: [*(make_sort_key(value) for value in line[:place]), -(line[-1] or 0.0)])
    return [*AXES, *more, *MEASURED], lines


def _rank_curve(curve: _Curve, best: Sizes) -> _Rank:
    attacked = [size for index, size in curve.sizes.items() if best.get(index, 0.0) > 0]
    fooled = [size for size in attacked if np.isfinite(size)]
    success = len(fooled) / len(attacked) if attacked else None
    return _Rank(curve, success, statistics.median(fooled) if fooled else None, compute_optimality(curve.sizes, best))


def _pool_models(group: Sequence[_Rank]) -> list[Any]:
    """What stands under `MEASURED`."""
    examples = min(len(rank.curve.sizes) for rank in group)
    measured = zip(*((rank.success, rank.median_size, rank.optimality) for rank in group), strict=True)
    return [len(group), group[0].curve.budgets, examples, *(_mean(values) for values in measured)]


def _list_curves(rows: Sequence[Row], load: LoadExamples) -> list[_Curve]:
    groups: dict[str, list[tuple[Row, dict[str, Any]]]] = defaultdict(list)
    for row in rows:
        config: dict[str, Any] = json.loads(row["config"])
        attack = {name: value for name, value in config["attack"].items() if name not in ("eps", "batch_size")}
        if attack.get("steps") == 1 and attack.get("step_size") == config["attack"].get("eps"):
            attack["step_size"] = None  # one step to the budget, as a key has it: the curve goes over budgets
        settings = {name: value for name, value in config.items() if name != "seed"} | {"attack": attack}
        if row["attack_norm"] not in (None, UNRESTRICTED) and row["attack_eps"] != 0:
            groups[hash_json([identify_model(row), row["attack_norm"], settings])].append((row, settings))
    curves = []
    for group in groups.values():
        row, settings = group[0]
        tables = [load(key) for key in sorted({each["attack_key"] for each, _ in group})]
        budgets = {each["attack_eps"] for each, _ in group}
        bounded = len({each["attack_key"] for each, _ in group}) > 1 or None not in budgets
        sizes = _take_smallest(measure_sizes(table, row["attack_norm"]) for table in tables if table is not None)
        if sizes:
            curves.append(_Curve(row, settings, len(budgets) if bounded else None, sizes))
    return curves


def measure_sizes(examples: pa.Table, norm: str) -> Sizes:
    """The sizes of the perturbations of one attack stage that fooled the model."""
    names = ("index", "label", "clean_prediction", "adversarial_prediction", norm)
    index, label, before, after, size = (examples.column(name).to_numpy() for name in names)
    found = np.where(before != label, 0.0, np.where(after != label, size.astype(float), np.inf))
    return dict(zip(index.tolist(), found.tolist(), strict=True))


def find_smallest(attack_keys: Iterable[str], norm: str, load: LoadExamples) -> Sizes:
    """The smallest perturbation of each image that any of these attacks found."""
    tables = (load(key) for key in sorted(attack_keys))
    return _take_smallest(measure_sizes(table, norm) for table in tables if table is not None)


def _take_smallest(found: Iterable[Sizes]) -> Sizes:
    smallest: Sizes = {}
    for sizes in found:
        for index, size in sizes.items():
            smallest[index] = min(size, smallest.get(index, np.inf))
    return smallest


def compute_optimality(sizes: Sizes, best: Sizes) -> float | None:
    """1 where an attack found the best of every image, 0 where it found none; over the images that it attacked.

    What another look at the clean image was wrong about needs no perturbation, of a model that answers at random too.

    Where the best needs the same size for every image that can be fooled, the share of them that the attack fooled
    with it: the limit of the areas. Null where nothing can be said: every image is misclassified, or no attack found
    anything.
    """
    smallest: NDArray[np.float64] = np.array([best[index] for index in sizes])
    found: NDArray[np.float64] = np.where(smallest > 0, np.array(list(sizes.values())), 0.0)
    reached = np.isfinite(smallest)
    if not smallest[reached].any():
        return None
    largest = float(np.max(smallest[reached]))
    ours: NDArray[np.float64] = np.minimum(found, largest)
    nothing = np.where(smallest > 0, largest, 0.0)
    smallest = np.minimum(smallest, largest)
    span = float((nothing - smallest).mean())
    if span <= ROUNDING * largest:
        return float((found <= smallest * (1 + ROUNDING))[reached & (smallest > 0)].mean())
    return 1 - float((ours - smallest).mean()) / span


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
