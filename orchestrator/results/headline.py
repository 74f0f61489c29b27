"""The one rule for the numbers that are stated first: which budget, which robust accuracy, which setting is best.

Status, results, reports and W&B ask here, so that they never say different things of one sweep.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from orchestrator.results import verdicts
from orchestrator.results.bounds import select_attacks
from orchestrator.results.budgets import (
    describe_scope,
    find_worst_case,
    is_of_all_attacks,
    is_of_one_attack,
    select_counted,
)
from orchestrator.results.checks.verdict import SUSPICIOUS, UPPER_BOUND, find_worst
from orchestrator.results.config_part import format_part
from orchestrator.results.eps import measure_eps
from orchestrator.results.model_axes import describe_model
from orchestrator.results.tradeoff import format_setting
from orchestrator.results.worst_case_verdict import judge_worst_case, rank_strength
from orchestrator.text import format_count, format_percent
from tasks.trial.row import Row, compute_rates

RULE = (
    "budget: the one under which models differ most; robust: images that withstand every attack of it; "
    "best: the highest mean of clean and robust"
)


class Budget(NamedTuple):
    """What attacks of one strength have in common."""

    norm: str
    eps: float | None
    """In pixels of [0, 1]."""


@dataclass(frozen=True)
class Standing:
    """One way to make a model under all attacks of one budget, all seeds."""

    budget: Budget
    rows: tuple[Row, ...]
    """Of each seed the attack that leaves least, with what the checks say of all attacks together."""
    attacks: int
    """How many attacks of this budget it met."""
    together: bool
    """Whether what all of them leave is known; else it is what the strongest leaves, as before images are compared."""
    scope: str
    """What the worst case is of, where that is not all of these attacks on the same images; else empty."""
    clean: tuple[float, ...]
    robust: tuple[float, ...]
    """By `find_worst_case`, for each seed."""
    settings: tuple[str, ...] = ()
    """What tells it from the others of the sweep, in words."""

    @property
    def mean(self) -> tuple[float, float]:
        """Mean clean and robust accuracy over the seeds."""
        return statistics.fmean(self.clean), statistics.fmean(self.robust)

    @property
    def trials(self) -> tuple[str, ...]:
        """Ids of the trials of its strongest attacks."""
        return tuple(row["trial_id"] for row in self.rows)

    @property
    def doubt(self) -> str | None:
        """The worst verdict that speaks against the robust accuracy; null where none does."""
        worst = find_worst([row["verdict"] for row in self.rows])
        return worst if worst in (UPPER_BOUND, SUSPICIOUS) else None


def get_budget(row: Row) -> Budget:
    """The budget of an attack."""
    return Budget(row["attack_norm"], measure_eps(row))


def pick_strongest(rows: Sequence[Row]) -> Row:
    """Of the attacks on one model that which leaves least; of equals the one of most steps, then the first by name."""
    return min(rows, key=rank_strength)


def merge_attacks(rows: Sequence[Row]) -> Row:
    """The row of the attack on one model that leaves least, with the numbers of the worst case over all, clean accuracy
    on the same images where an attack saw no others, and what the checks say of it."""
    verdict, reason = judge_worst_case(rows)
    worst, counted = find_worst_case(rows), select_counted(rows)
    strongest = pick_strongest(counted)
    seen = next((row for row in counted if row["examples"] == worst.examples), None)
    clean = seen["clean_correct"] if seen else round(strongest["clean_accuracy"] * worst.examples)
    counts = {"examples": worst.examples, "clean_correct": clean, "robust_correct": worst.correct}
    rates = compute_rates(worst.examples, clean, worst.correct)
    return {**strongest, **counts, **rates, "verdict": verdict, "verdict_reason": reason}


def find_reason(rows: Sequence[Row], verdict: str | None) -> str:
    """Why numbers bear a verdict: the reason of the first seed that bears it; empty where none says why."""
    said = [row for row in rows if row["verdict"] == verdict and row["verdict_reason"]]
    return str(min(said, key=lambda row: row["seed"])["verdict_reason"]) if said else ""


def list_standings(rows: Sequence[Row]) -> dict[Budget, list[Standing]]:
    """Every configuration at every budget that it met; a budget of zero is no attack, nor is a certificate, and few
    images tell little."""
    finished = [row for row in select_attacks(rows) if row["status"] == "finished" and row["attack_eps"] != 0]
    groups: dict[tuple[Budget, str], dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in finished:
        groups[get_budget(row), _identify_model(row)][row["seed"]].append(row)
    standings = [_make_standing(budget, by_seed) for (budget, _), by_seed in groups.items()]
    most = max((row["examples"] for standing in standings for row in standing.rows), default=0)
    found: dict[Budget, list[Standing]] = defaultdict(list)
    for standing in standings:
        if 2 * max(row["examples"] for row in standing.rows) >= most:
            found[standing.budget].append(standing)
    return found


def _make_standing(budget: Budget, by_seed: Mapping[int, Sequence[Row]]) -> Standing:
    worst = tuple(merge_attacks(rows) for rows in by_seed.values())
    return Standing(
        budget,
        worst,
        max(len(select_counted(rows)) for rows in by_seed.values()),
        all(is_of_all_attacks(rows) or is_of_one_attack(rows) for rows in by_seed.values()),
        next(filter(None, map(describe_scope, by_seed.values())), ""),
        tuple(row["clean_accuracy"] for row in worst),
        tuple(row["robust_accuracy"] for row in worst),
    )


def _identify_model(row: Row) -> str:
    return format_part(row, _choose_model)


def _choose_model(config: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in config.items() if name not in ("seed", "attack")}


def choose_budget(rows: Sequence[Row]) -> Budget | None:
    """The budget that the answers speak of: of those that most models met, white-box and bounded where there are such,
    the one under which the worst cases of models differ most; a budget that nobody or everybody withstands tells
    nothing. Null where nothing is finished.
    """
    standings = list_standings(rows)
    if not standings:
        return None
    most = max(map(len, standings.values()))
    candidates = [budget for budget, found in standings.items() if len(found) == most]
    for wanted in (_is_bounded, lambda budget: _has_white_box(standings[budget])):
        candidates = [budget for budget in candidates if wanted(budget)] or candidates
    return max(candidates, key=lambda budget: _rate_contrast(standings[budget]))


def _is_bounded(budget: Budget) -> bool:
    return budget.eps is not None


def _has_white_box(found: Sequence[Standing]) -> bool:
    return any(not row["attack_surrogate"] for standing in found for row in standing.rows)


def _rate_contrast(found: Sequence[Standing]) -> tuple[float, float]:
    """How far models differ, and how far robust accuracy is from both ends."""
    means = [standing.mean for standing in found]
    middle = statistics.fmean(robust - clean / 2 for clean, robust in means)
    return round(statistics.pstdev([robust for _, robust in means]), 3), -abs(middle)


def find_best(rows: Sequence[Row]) -> Standing | None:
    """The configuration whose mean of clean accuracy and worst case is highest at the headline budget, with what tells
    it from the others and its verdicts: while a sweep runs, by the trials that are there.
    """
    budget = choose_budget(rows)
    if budget is None:
        return None
    best = max(list_standings(rows)[budget], key=lambda standing: (sum(standing.mean), standing.mean[0]))
    models = {_identify_model(row): row for row in select_attacks(rows) if row["status"] == "finished"}
    settings = describe_model(best.rows[0], list(models.values()))
    return _judge(replace(best, settings=settings), rows)


def _judge(standing: Standing, rows: Sequence[Row]) -> Standing:
    """With verdicts where the rows have none yet; by counts, as nothing is read here."""
    if all(row["verdict"] for row in standing.rows):
        return standing
    model = _identify_model(standing.rows[0])
    alike = [row for row in rows if row["status"] == "finished" and _identify_model(row) == model]
    (judged,) = list_standings(verdicts.annotate_rows(alike))[standing.budget]
    return replace(standing, rows=judged.rows)


def describe_best(best: Standing) -> str:
    """One line: what it reaches, with the verdict where one speaks against it, what of its settings varies in the
    sweep, and against what."""
    clean, robust = best.mean
    row = best.rows[0]
    eps = "no bound" if best.budget.eps is None else f"eps {format_setting('attack_eps', best.budget.eps)}"
    alone = f"{row['attack']}, {format_count(row['attack_steps'], 'step')}"
    several = f"{'all' if best.together else 'the strongest of'} {best.attacks} attacks"
    against = alone if best.attacks == 1 else several
    told = ", ".join([*best.settings, f"{against} of {best.budget.norm} {eps}", *([best.scope] if best.scope else [])])
    doubt = f" [{best.doubt}]" if best.doubt else ""
    return f"clean {format_percent(clean)}, robust {format_percent(robust)}{doubt} ({told})"


def describe_doubt(best: Standing) -> str | None:
    """What speaks against the robust accuracy of the best and why; null where nothing does."""
    if best.doubt is None:
        return None
    why = find_reason(best.rows, best.doubt)
    return f"{best.doubt}: {why}" if why else best.doubt


def state_best(best: Standing | None) -> dict[str, str | None]:
    """What displays and heartbeats say of the best, as plain data."""
    if best is None:
        return {"best": None, "best_doubt": None}
    return {"best": describe_best(best), "best_doubt": describe_doubt(best)}
