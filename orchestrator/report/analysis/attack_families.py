"""Attacks that belong on one security curve or one heat map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.report.analysis.study import Study, Threat


@dataclass(frozen=True)
class Family:
    """Attacks that differ in their budget and iterations alone."""

    key: tuple[str, ...]
    label: str
    threats: tuple[Threat, ...]

    @property
    def unit(self) -> str:
        """What a budget is measured in."""
        row = self.threats[0].row
        space = "normalised input" if row["attack_eps_space"] == "normalized" else "pixels of [0, 1]"
        return f"eps, {row['attack_norm'] or 'no norm'}, {space}"

    @property
    def budgets(self) -> list[float]:
        """Distinct budgets above zero, ascending."""
        return sorted({threat.eps for threat in self.threats if threat.eps})

    @property
    def steps(self) -> list[int]:
        """Distinct numbers of iterations, ascending."""
        return sorted({threat.steps for threat in self.threats if threat.eps})


def list_families(study: Study) -> list[Family]:
    """The attacks of a study by family, those with the most budgets first; a budget of zero is no attack."""
    groups: dict[tuple[str, ...], list[Threat]] = defaultdict(list)
    for threat in study.threats:
        if threat is not study.worst and (threat.eps is None or threat.eps > 0):
            groups[threat.family].append(threat)
    found = [Family(key, _label_family(threats, len(groups)), tuple(threats)) for key, threats in groups.items()]
    return sorted(found, key=lambda family: (-len(family.budgets), family.label))


def list_curve_families(study: Study) -> list[Family]:
    """Those that were run at two budgets at least: they have a security curve."""
    return [family for family in list_families(study) if len(family.budgets) > 1]


def list_grid_families(study: Study) -> list[Family]:
    """Those that were run at several budgets and several numbers of iterations: they have a heat map."""
    return [family for family in list_curve_families(study) if len(family.steps) > 1]


def _label_family(threats: Sequence[Threat], families: int) -> str:
    """What the attacks have in common; the norm where there are several families."""
    threat = threats[0]
    varying = ("eps ", "no bound", "norm ")
    parts = [part for part in threat.label.split(", ") if not part.startswith(varying) and not part.endswith(_STEPS)]
    longest = max(threat.steps for threat in threats)
    more = [f"{longest} step{'s' if longest != 1 else ''}"] if longest > 1 else []
    norm = [str(threat.row["attack_norm"])] if families > 1 and threat.row["attack_norm"] else []
    return ", ".join([*parts[:1], *norm, *more, *parts[1:]])


_STEPS = (" step", " steps")


def compute_security_curves(study: Study, family: Family) -> dict[str, list[tuple[float, float]]]:
    """Label of each configuration -> (budget, mean accuracy over its seeds), from clean accuracy at a budget of 0 on.

    At each budget the attack with the most iterations counts. Configurations that lack a budget are left out.
    """
    strongest = {threat.eps: threat for threat in sorted(family.threats, key=lambda threat: threat.steps)}
    curves = {}
    for configuration in study.configurations:
        along = [study.measured.get((configuration.key, strongest[eps].key)) for eps in family.budgets]
        known = [entry for entry in along if entry]
        if known and len(known) == len(along):
            points = zip(family.budgets, (entry.mean[1] for entry in known), strict=True)
            curves[configuration.label] = [(0.0, known[0].mean[0]), *points]
    return curves
