"""Every attack of the headline budget as one: an image is robust if it withstands all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from orchestrator.report.analysis.study import Measured, Study, Threat
from orchestrator.results.budgets import describe_scope, is_of_one_attack, select_counted
from orchestrator.results.headline import get_budget, merge_attacks
from orchestrator.results.tradeoff import format_setting
from tasks.trial.row import Row

WORST_OF = "worst_of"
"""In a row that stands for several attacks: the keys of their stages."""


def add_worst_case(study: Study) -> Study:
    """The study with one threat more, where the attacks of its headline budget leave less together than each alone."""
    strongest = study.strongest
    budget = get_budget(strongest.row)
    if budget.eps is None:
        return study
    rows: dict[str, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for entry in study.measured.values():
        if get_budget(entry.threat.row) == budget:
            for row in entry.rows:
                rows[entry.configuration.key][row["seed"]].append(row)
    met = [entry.configuration for entry in study.under(strongest)]
    worst = {model.key: tuple(_combine(attacks) for attacks in rows[model.key].values()) for model in met}
    scope = _describe_scopes([attacks for met in rows.values() for attacks in met.values()])
    alike = all(
        len({(row["examples"], row["only_correct"]) for row in attacks}) == 1
        for met in rows.values()
        for attacks in met.values()
    )
    if alike and all(
        _measure(worst[entry.configuration.key]) >= _measure(entry.rows) for entry in study.under(strongest)
    ):
        return study
    most = max(len(select_counted(attacks)) for by_seed in rows.values() for attacks in by_seed.values())
    several = f"the worst of {most} attacks" if most > 1 else "all attacks together"
    label = f"{several}, {budget.norm} eps {format_setting('attack_eps', budget.eps)}{scope and f', {scope}'}"
    threat = Threat("worst case", label, next(iter(worst.values()))[0])
    measured = {(model.key, threat.key): Measured(model, threat, worst[model.key]) for model in met}
    return replace(study, threats=(*study.threats, threat), measured={**study.measured, **measured}, worst=threat)


def _describe_scopes(met: Sequence[list[Row]]) -> str:
    """What the worst cases are of: of models that answer at random it is another than of those beside them.

    :param met: of each model and seed the attacks.
    """
    kinds = ([attacks for attacks in met if is_of_one_attack(attacks) is alone] for alone in (False, True))
    return "; ".join(filter(None, (next(filter(None, map(describe_scope, kind)), "") for kind in kinds)))


def _measure(rows: tuple[Row, ...]) -> float:
    return float(sum(row["robust_accuracy"] for row in rows))


def _combine(attacks: list[Row]) -> Row:
    """The row of the worst case, with the keys of what it is over."""
    merged, counted = merge_attacks(attacks), select_counted(attacks)
    together = [merged] if is_of_one_attack(attacks) else counted
    return {**merged, WORST_OF: tuple(row["attack_key"] for row in together)}
