"""What is certified and what attacks leave of one classifier at each budget: robust accuracy lies between."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence

from orchestrator.report.analysis.groups import SHAPED, Groups, choose_groups, group_configurations
from orchestrator.report.analysis.studies import identify_classifier
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import Rows
from orchestrator.results.budgets import find_worst_case
from orchestrator.results.eps import measure_eps
from orchestrator.results.tradeoff import format_setting
from tasks.trial.row import Row

BySeed = dict[int, list[Row]]


def group_without_ratio(study: Study) -> Groups:
    """The configurations by all that tells them apart but the pruning ratio: one line over the ratios each."""
    return group_configurations(study, [axis for axis in study.training_axes if axis.name != SHAPED])


def list_bands(study: Study) -> Rows:
    """A row for each attacked classifier and each norm and budget at which it is certified.

    `config` (place among the configurations), `label`, `g` (group by colour), `line` (group without the pruning
    ratio), `norm`, `eps`, `epsText`, `ratio` (of
    pruning), `lower` (certified: of each seed the most that a certificate proves), `upper` (what withstands every
    attack of that budget; at a budget of zero what is seen rightly; null where none was run), means over seeds, and
    `range`, both in words.
    """
    places = {identify_classifier(each.row): place for place, each in enumerate(study.configurations)}
    (colour, _), lines = choose_groups(study), group_without_ratio(study)
    proven, attacked = _group(study.certificates), _group(study.rows)
    rows: Rows = []
    for (classifier, norm, eps), certified in proven.items():
        if classifier not in places:
            continue
        lower = statistics.fmean(max(row["robust_accuracy"] for row in rows) for rows in certified.values())
        upper = _measure_upper(classifier, norm, eps, certified, attacked)
        first, place = next(iter(certified.values()))[0], places[classifier]
        configuration = study.configurations[place]
        rows.append(
            {
                "config": place,
                "label": configuration.label,
                "g": colour.by_configuration[configuration.key],
                "line": lines.by_configuration[configuration.key],
                "norm": norm,
                "eps": eps,
                "epsText": format_setting("attack_eps", eps),
                "ratio": first["pruning_ratio"],
                "lower": lower,
                "upper": upper,
                "range": f"{lower:.1%} to {'?' if upper is None else f'{upper:.1%}'}",
            }
        )
    return sorted(rows, key=lambda row: (row["config"], row["norm"], row["eps"]))


def _group(rows: Sequence[Row]) -> dict[tuple[str, str, float], BySeed]:
    """Key of the classifier, norm and budget -> seed -> rows."""
    found: dict[tuple[str, str, float], BySeed] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["attack_eps"] is not None:
            found[identify_classifier(row), row["attack_norm"], measure_eps(row) or 0.0][row["seed"]].append(row)
    return found


def _measure_upper(
    classifier: str, norm: str, eps: float, certified: BySeed, attacked: Mapping[tuple[str, str, float], BySeed]
) -> float | None:
    """The mean over the seeds that have both."""
    if eps == 0:
        return statistics.fmean(max(row["clean_accuracy"] for row in rows) for rows in certified.values())
    met = attacked.get((classifier, norm, eps), {})
    found = [find_worst_case(met[seed]).rate for seed in certified if seed in met]
    return statistics.fmean(found) if found else None
