"""Every attack of the headline budget as one: an image is robust if it withstands all of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from orchestrator.report.analysis.study import Measured, Study, Threat
from orchestrator.results.headline import compute_worst_case, get_budget, merge_attacks
from orchestrator.results.tradeoff import format_setting
from tasks.metrics import compute_wilson
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
    if all(_measure(worst[entry.configuration.key]) >= _measure(entry.rows) for entry in study.under(strongest)):
        return study
    most = max(len(attacks) for by_seed in rows.values() for attacks in by_seed.values())
    several = f"the worst of {most} attacks" if most > 1 else "all attacks together"
    label = f"{several}, {budget.norm} eps {format_setting('attack_eps', budget.eps)}"
    threat = Threat("worst case", label, next(iter(worst.values()))[0])
    measured = {(model.key, threat.key): Measured(model, threat, worst[model.key]) for model in met}
    return replace(study, threats=(*study.threats, threat), measured={**study.measured, **measured}, worst=threat)


def _measure(rows: tuple[Row, ...]) -> float:
    return float(sum(row["robust_accuracy"] for row in rows))


def _combine(attacks: list[Row]) -> Row:
    """The row of the attack that leaves least, with what all of them leave and what the checks say of that."""
    strongest = merge_attacks(attacks)
    correct, examples = round(compute_worst_case(attacks) * strongest["examples"]), strongest["examples"]
    low, high = compute_wilson(correct, examples)
    rates = {"robust_accuracy": correct / examples, "robust_accuracy_low": low, "robust_accuracy_high": high}
    return {**strongest, "robust_correct": correct, **rates, WORST_OF: tuple(row["attack_key"] for row in attacks)}
