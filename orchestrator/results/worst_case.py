"""Robust against every attack of one norm and budget, image by image: what a real attacker, who tries all, would leave.

The smallest robust accuracy of several attacks is an upper bound of it, since each fools other images.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from orchestrator.results.bounds import select_attacks
from orchestrator.results.budgets import describe_scope, select_counted
from orchestrator.results.checks.verdict import find_worst
from orchestrator.results.eps import NORMALIZED, measure_eps
from orchestrator.results.headline import Budget, get_budget, merge_attacks
from orchestrator.results.image_reader import ImageReader
from orchestrator.results.tradeoff import find_shown_paths, list_leaf_settings
from orchestrator.results.verdicts import annotate_rows
from orchestrator.store.sweep_store import SweepStore
from orchestrator.text import make_sort_key
from tasks.metrics import compute_wilson
from tasks.storage.stage_store import StageStore
from tasks.trial.row import Row, identify_model

AXES = ("dataset", "model", "pruning_ratio", "lambda", "eps_train", "objective", "transformations")
MEASURED = (
    "seeds", "attacks", "examples", "robust_correct",
    "worst_case_robust_accuracy", "worst_case_low", "worst_case_high", "verdict", "scope",
)  # fmt: skip


def read_worst_cases(sweep: SweepStore) -> tuple[list[str], list[list[Any]]]:
    """Columns and lines of a stored sweep; what the checks say is asked anew."""
    return list_worst_cases(annotate_rows(sweep.rows(), ImageReader(StageStore(sweep.storage))))


def list_worst_cases(rows: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """Columns and lines, one for each configuration of a model at each norm and budget; its seeds pooled.

    Where a budget was written in units of the normalised input, columns `attack_eps_space` and `eps_in_pixels` say so;
    one that attacks wrote in both units stands in pixels. A column `scope` says what a worst case is of, where that is
    not all its attacks on the same images.

    :param rows: the trials, with their verdicts and worst cases.
    """
    attacked_by: dict[tuple[str, Budget], list[Row]] = defaultdict(list)
    for row in select_attacks(rows):
        if row["status"] == "finished" and row["attack_eps"]:
            attacked_by[identify_model(row), get_budget(row)].append(row)
    groups: dict[tuple[Any, ...], list[list[Row]]] = defaultdict(list)
    for (_, budget), attacks in attacked_by.items():
        configuration = (json.dumps(_extract_settings(attacks[0]), sort_keys=True), *budget)
        groups[configuration].append(attacks)
    firsts = [group[0][0] for group in groups.values()]
    labels = [tuple(row[axis] for axis in AXES) + key[1:] for key, row in zip(groups, firsts, strict=True)]
    leaves = [list_leaf_settings(_extract_settings(row)) for row in firsts]
    more = find_shown_paths(labels, leaves)
    scaled = any(row["attack_eps_space"] == NORMALIZED for group in groups.values() for rows in group for row in rows)
    units = ("attack_eps_space", "eps_in_pixels") if scaled else ()
    lines = [
        [
            *label[: len(AXES)],
            *(leaf.get(path) for path in more),
            *_write_budget(group)[: 2 + len(units)],
            *_pool_seeds(group),
        ]
        for label, leaf, group in zip(labels, leaves, groups.values(), strict=True)
    ]
    columns = [*AXES, *more, "attack_norm", "attack_eps", *units, *MEASURED]
    if all(line[-1] is None for line in lines):
        columns, lines = columns[:-1], [line[:-1] for line in lines]
    return columns, sorted(lines, key=lambda line: [make_sort_key(value) for value in line])


def _write_budget(group: Sequence[Sequence[Row]]) -> list[Any]:
    """Norm, budget, its unit, and its size in pixels of [0, 1]."""
    row = min((row for rows in group for row in rows), key=lambda row: bool(row["attack_eps_space"] == NORMALIZED))
    return [row["attack_norm"], row["attack_eps"], row["attack_eps_space"], measure_eps(row)]


def _extract_settings(row: Row) -> dict[str, Any]:
    """What makes the model, without the seed."""
    config: dict[str, Any] = json.loads(row["config"])
    return {name: value for name, value in config.items() if name not in ("seed", "attack")}


def _pool_seeds(group: Sequence[Sequence[Row]]) -> list[Any]:
    """What stands under `MEASURED`.

    :param group: of each seed the attacks.
    """
    seeds = len({rows[0]["seed"] for rows in group})
    attacks = max(len({row["attack_key"] for row in select_counted(rows)}) for rows in group)
    found = [merge_attacks(rows) for rows in group]
    examples, robust = (sum(row[name] for row in found) for name in ("examples", "robust_correct"))
    verdict = find_worst([row["verdict"] for row in found])
    scope = next(filter(None, map(describe_scope, group)), None)
    return [seeds, attacks, examples, robust, robust / examples, *compute_wilson(robust, examples), verdict, scope]
