"""Robust against every attack of one norm and budget, image by image: what a real attacker, who tries all, would leave.

The smallest robust accuracy of several attacks is an upper bound of it, since each fools other images.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from orchestrator.results.bounds import select_attacks
from orchestrator.results.budgets import make_reader
from orchestrator.results.checks.verdict import find_worst
from orchestrator.results.headline import Budget, get_budget
from orchestrator.results.query import ask
from orchestrator.results.tradeoff import find_distinguishing_paths, list_leaf_settings
from orchestrator.results.verdicts import annotate_rows
from orchestrator.results.worst_case_verdict import judge_worst_case
from orchestrator.store.sweep_store import SweepStore
from orchestrator.text import make_sort_key
from tasks.kinds import MODEL_KEYS
from tasks.metrics import compute_wilson
from tasks.storage.stage_store import StageStore
from tasks.trial.row import Row, identify_model

SURVIVORS = f"""
with cells as (
  select distinct coalesce({", ".join(MODEL_KEYS)})::varchar || coalesce('+' || transformations, '') as model_key,
    attack_norm, attack_eps, attack_eps_space, attack_key
  from trials where status = 'finished' and attack_eps > 0 and bound is distinct from 'lower'
), images as (
  select c.* exclude (attack_key), e.index, bool_and(e.robust) as robust, count(*) as attacks
  from cells c join examples e on e.stage_key = c.attack_key group by all
), complete as (
  select *, max(attacks) over (partition by model_key, attack_norm, attack_eps, attack_eps_space) as most from images
)
select model_key, attack_norm, attack_eps, attack_eps_space, max(attacks), count(*), count(*) filter (robust)
from complete where attacks = most group by all order by all
"""
"""Per model, norm and budget: attacks, and of the images that all of them saw, how many there are and withstood all."""
AXES = ("dataset", "model", "pruning_ratio", "lambda", "eps_train", "objective", "transformations")
MEASURED = (
    "seeds", "attacks", "examples", "robust_correct",
    "worst_case_robust_accuracy", "worst_case_low", "worst_case_high", "verdict",
)  # fmt: skip


def read_worst_cases(sweep: SweepStore) -> tuple[list[str], list[list[Any]]]:
    """Columns and lines of a stored sweep; what the checks say is asked anew."""
    rows = annotate_rows(sweep.rows(), make_reader(StageStore(sweep.storage)))
    return list_worst_cases(rows, ask(sweep, SURVIVORS)[1])


def list_worst_cases(rows: Sequence[Row], survivors: Sequence[Sequence[Any]]) -> tuple[list[str], list[list[Any]]]:
    """Columns and lines, one for each configuration of a model at each norm and budget; its seeds pooled.

    :param rows: the trials, with their verdicts.
    :param survivors: what `SURVIVORS` answers.
    """
    finished = [row for row in rows if row["status"] == "finished"]
    models = {identify_model(row): row for row in finished}
    attacked_by: dict[tuple[str, Budget], list[Row]] = defaultdict(list)
    for row in select_attacks(finished):
        attacked_by[identify_model(row), get_budget(row)].append(row)
    groups: dict[tuple[Any, ...], list[tuple[Row, Sequence[Any]]]] = defaultdict(list)
    for model_key, *budget, attacks, examples, robust in survivors:
        row = models[model_key]
        verdict, _ = judge_worst_case(attacked_by[model_key, Budget(*budget)])
        configuration = (json.dumps(_extract_settings(row), sort_keys=True), *budget)
        groups[configuration].append((row, (attacks, examples, robust, verdict)))
    firsts = [group[0][0] for group in groups.values()]
    labels = [tuple(row[axis] for axis in AXES) + key[1:] for key, row in zip(groups, firsts, strict=True)]
    leaves = [list_leaf_settings(_extract_settings(row)) for row in firsts]
    more = find_distinguishing_paths(labels, leaves)
    lines = [
        [*label[: len(AXES)], *(leaf.get(path) for path in more), *label[len(AXES) : -1], *_pool_seeds(group)]
        for label, leaf, group in zip(labels, leaves, groups.values(), strict=True)
    ]
    columns = [*AXES, *more, "attack_norm", "attack_eps", *MEASURED]
    return columns, sorted(lines, key=lambda line: [make_sort_key(value) for value in line])


def _extract_settings(row: Row) -> dict[str, Any]:
    """What makes the model, without the seed."""
    config: dict[str, Any] = json.loads(row["config"])
    return {name: value for name, value in config.items() if name not in ("seed", "attack")}


def _pool_seeds(group: Sequence[tuple[Row, Sequence[Any]]]) -> list[Any]:
    seeds = len({row["seed"] for row, _ in group})
    attacks = max(found[0] for _, found in group)
    examples, robust = (sum(found[place] for _, found in group) for place in (1, 2))
    verdict = find_worst([found[3] for _, found in group])
    return [seeds, attacks, examples, robust, robust / examples, *compute_wilson(robust, examples), verdict]
