"""Robust accuracy along the budget and along the iterations of an attack."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.report.grouping import choose_groups
from orchestrator.report.study import Measured, Study, Threat

MOST_CURVES = 40
"""More lines than these become one for each colour and shape."""


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


@dataclass(frozen=True)
class Curve:
    """Accuracy of one configuration, or of a group of them, from a budget of zero on."""

    label: str
    colour: str
    shape: str
    eps: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    """The lowest of the seeds."""
    high: tuple[float, ...]
    seeds: int


def list_families(study: Study) -> list[Family]:
    """The attacks of a study by family, those with the most budgets first."""
    groups: dict[tuple[str, ...], list[Threat]] = defaultdict(list)
    for threat in study.threats:
        if threat.eps is None or threat.eps > 0:
            groups[threat.family].append(threat)
    found = [Family(key, _label(threats, len(groups)), tuple(threats)) for key, threats in groups.items()]
    return sorted(found, key=lambda family: (-len(family.budgets), family.label))


def list_curve_families(study: Study) -> list[Family]:
    """Those that were run at two budgets at least: they have a security curve."""
    return [family for family in list_families(study) if len(family.budgets) > 1]


def _label(threats: Sequence[Threat], families: int) -> str:
    threat = threats[0]
    ladder = ("eps ", "no bound", "norm ")
    parts = [part for part in threat.label.split(", ") if not part.startswith(ladder) and not part.endswith(_STEPS)]
    longest = max(threat.steps for threat in threats)
    more = [f"{longest} step{'s' if longest != 1 else ''}"] if longest > 1 else []
    norm = [str(threat.row["attack_norm"])] if families > 1 and threat.row["attack_norm"] else []
    return ", ".join([*parts[:1], *norm, *more, *parts[1:]])


_STEPS = (" step", " steps")


def select_most_steps(family: Family) -> dict[float, Threat]:
    """Budget -> the attack of the family with the most iterations there."""
    found: dict[float, Threat] = {}
    for threat in sorted(family.threats, key=lambda threat: threat.steps):
        if threat.eps:
            found[threat.eps] = threat
    return found


def build_security_curves(study: Study, family: Family) -> list[Curve]:
    """A curve for each configuration; where there are too many, one for each colour and shape."""
    colour, shape = choose_groups(study)
    ladder = select_most_steps(family)
    groups: dict[tuple[str, str, str], list[list[Measured]]] = defaultdict(list)
    single = len(study.configurations) <= MOST_CURVES
    for configuration in study.configurations:
        along = [study.measured.get((configuration.key, ladder[eps].key)) for eps in sorted(ladder)]
        known = [entry for entry in along if entry]
        if len(known) == len(along):
            hue, form = colour.of(known[0]), shape.of(known[0])
            groups[hue, form, configuration.label if single else f"{hue}, {form}"].append(known)
    return [_build_curve(hue, form, label, members) for (hue, form, label), members in groups.items()]


def _build_curve(colour: str, shape: str, label: str, members: list[list[Measured]]) -> Curve:
    """The mean over configurations of a group within each seed, then over seeds."""
    budgets = (0.0, *(float(entry.threat.eps or 0) for entry in members[0]))
    columns = [_average_by_seed(members, 0, clean=True)]
    columns += [_average_by_seed(members, place, clean=False) for place in range(len(members[0]))]
    return Curve(
        label,
        colour,
        shape,
        budgets,
        tuple(statistics.fmean(column) for column in columns),
        tuple(min(column) for column in columns),
        tuple(max(column) for column in columns),
        len(columns[0]),
    )


def _average_by_seed(members: list[list[Measured]], place: int, *, clean: bool) -> list[float]:
    seeds: dict[int, list[float]] = defaultdict(list)
    for along in members:
        entry = along[place]
        for row, value in zip(entry.rows, entry.clean if clean else entry.robust, strict=True):
            seeds[row["seed"]].append(value)
    return [statistics.fmean(values) for values in seeds.values()]


def compute_heat_map(study: Study, family: Family, chosen: Sequence[str]) -> dict[tuple[float, int], float]:
    """Budget and iterations -> robust accuracy, the mean over seeds and over these configurations."""
    found: dict[tuple[float, int], float] = {}
    for threat in family.threats:
        known = [study.measured[key, threat.key] for key in chosen if (key, threat.key) in study.measured]
        if known and threat.eps:
            found[threat.eps, threat.steps] = statistics.fmean(entry.mean[1] for entry in known)
    return found
