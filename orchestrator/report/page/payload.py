"""What the page's own script works on: the figures of every study, their rows, small, and what may be chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.report.analysis.groups import choose_groups
from orchestrator.report.analysis.levels import list_levels
from orchestrator.report.analysis.report_data import ReportData
from orchestrator.report.analysis.study import Configuration, Measured, Study
from orchestrator.report.analysis.tables import Rows
from orchestrator.report.figures.encodings import PALETTE
from orchestrator.report.figures.figure import Figure


def build_payload(
    data: ReportData, studies: Sequence[tuple[Study, Sequence[Figure]]], named: Sequence[Figure] = ()
) -> dict[str, Any]:
    """Everything that the script needs, as plain JSON.

    :param named: figures that spaces name; they show what they select, whatever a reader filters.
    """
    return {
        "palette": list(PALETTE),
        "sweeps": [facts.label for facts in data.sweeps],
        "studies": [_encode_study(study, figures, data) for study, figures in studies],
        "named": [{"tables": _encode_tables([figure]), "panels": _encode_panels(figure)} for figure in named],
    }


def encode_script(content: Mapping[str, Any]) -> str:
    """JSON that may stand inside a `<script>` element: no text in it can end the element or begin another."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text  # json escapes everything beyond ASCII


def _encode_study(study: Study, figures: Sequence[Figure], data: ReportData) -> dict[str, Any]:
    axes = [list_levels(study, axis) for axis in study.training_axes]
    colour, _ = choose_groups(study)
    return {
        "dataset": study.dataset,
        "axes": [{"label": axis.axis.label, "levels": list(axis.texts)} for axis in axes],
        "configs": [
            {
                "label": configuration.label,
                "values": [axis.by_configuration[configuration.key] for axis in axes],
                "sweeps": _list_sweeps(study, configuration, data),
                "trials": sum(len(entry.rows) for entry in _list_attacked(study, configuration)),
            }
            for configuration in study.configurations
        ],
        "colour": {"title": colour.title, "levels": list(colour.levels)},
        "attacks": [threat.label for threat in study.threats],
        "headline": study.threats.index(study.headline),
        "counted": "trials under attack" if study.certificates else "trials",
        "tables": _encode_tables(figures),
        "figures": {figure.name: _encode_panels(figure) for figure in figures},
    }


def _encode_tables(figures: Sequence[Figure]) -> dict[str, Any]:
    return {name: encode_table(rows) for figure in figures for name, rows in figure.tables.items()}


def _encode_panels(figure: Figure) -> list[dict[str, Any]]:
    return [{"spec": panel.spec, "params": dict(panel.params)} for panel in figure.panels]


def encode_table(rows: Rows) -> dict[str, Any]:
    """Columns instead of rows, and each text once: a tenth of the size.

    :returns: name of a column -> its values; or, where values recur, the distinct ones and their places.
    """
    columns: dict[str, Any] = {}
    for name in rows[0] if rows else ():
        values = [row[name] for row in rows]
        places = {value: place for place, value in enumerate(dict.fromkeys(values))}
        recurring = 2 * len(places) < len(values)
        columns[name] = (
            {"levels": list(places), "at": [places[value] for value in values]} if recurring else {"values": values}
        )
    return columns


def _list_sweeps(study: Study, configuration: Configuration, data: ReportData) -> list[int]:
    """Places of the sweeps that have trials of the configuration."""
    labels = [facts.label for facts in data.sweeps]
    if len(labels) == 1:
        return [0]
    rows = [row for entry in _list_attacked(study, configuration) for row in entry.rows]
    return sorted({labels.index(label) for row in rows for label in data.sweeps_of[row["attack_key"]]})


def _list_attacked(study: Study, configuration: Configuration) -> list[Measured]:
    """A configuration under every attack of its own; the worst case over several is no trial."""
    found = (study.measured.get((configuration.key, threat.key)) for threat in study.threats)
    return [entry for entry in found if entry and entry.threat is not study.worst]
