"""Rates of each model under each attack, as bars show them."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.analysis.attack_families import list_families
from orchestrator.report.analysis.study import Study, Threat
from orchestrator.report.analysis.tables import RATES, Rows, StudyTables, format_budget


def list_bars(study: Study, tables: StudyTables, rates: Sequence[str]) -> Rows:
    """A row for each model, attack and rate: `attack` (the budget, or the attack where these are several), `order`,
    `model`, `rate`, `mean`, `low`, `high` (one standard deviation over seeds to both sides), `text`, `seeds`, and where
    the attack has a part in the rate, the `verdict` on it with its `reason`.

    Of attacks that differ in their iterations alone, the one with the most of them counts.
    """
    names = name_attacks(study)
    return [
        {
            "attack": names[study.threats[cell["threat"]].key],
            "order": list(names).index(study.threats[cell["threat"]].key),
            "model": cell["label"],
            "rate": text,
            "mean": cell[field],
            "low": cell[f"{field}Low"],
            "high": cell[f"{field}High"],
            "text": cell[f"{field}Text"],
            "seeds": cell["seeds"],
            "verdict": "-" if rate == "clean_accuracy" else cell["verdict"],
            "reason": "" if rate == "clean_accuracy" else cell["reason"],
        }
        for rate in rates
        for field, text in (RATES[rate],)
        for cell in tables.cells
        if study.threats[cell["threat"]].key in names and cell[field] is not None
    ]


def name_attacks(study: Study) -> dict[str, str]:
    """Key of each attack that has a bar -> its name: those of one family by their budgets, ascending."""
    families = list_families(study)
    single = len(families) == 1
    found: dict[str, str] = {}
    for family in families:
        strongest: dict[float, Threat] = {}
        for threat in sorted(family.threats, key=lambda threat: threat.steps):
            strongest[threat.eps or 0.0] = threat
        for _, threat in sorted(strongest.items()):
            found[threat.key] = format_budget(threat) if single and threat.eps else threat.label
    return found
