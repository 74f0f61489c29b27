"""From rows of trials to studies: which models, which attacks, and what they are called."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.report.analysis.study import TUNING, Axis, Configuration, Measured, Study, Threat, is_defended
from orchestrator.report.analysis.worst_case_threat import add_worst_case
from orchestrator.results.bounds import select_attacks, select_certificates
from orchestrator.results.pivot import is_stopping_varied
from orchestrator.results.tradeoff import (
    find_shown_paths,
    find_varying_axes,
    format_column,
    list_leaf_settings,
)
from orchestrator.text import make_sort_key
from tasks.keys import hash_json
from tasks.training.objectives.standard.settings import STANDARD
from tasks.trial.row import Row

STOPPING = "stop_when_fooled"


def group_studies(rows: Sequence[Row]) -> list[Study]:
    """One study for each data set that has finished trials under attack, by name; certificates have a figure of their
    own."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in select_attacks(rows):
        if row["status"] == "finished":
            groups[row["dataset"]].append(row)
    certified: dict[str, list[Row]] = defaultdict(list)
    for row in select_certificates(rows):
        if row["status"] == "finished":
            certified[row["dataset"]].append(row)
    return [
        replace(_build_study(dataset, groups[dataset]), certificates=tuple(certified[dataset]))
        for dataset in sorted(groups)
    ]


def _build_study(dataset: str, rows: Sequence[Row]) -> Study:
    configs = _settle_stopping({row["trial_id"]: json.loads(row["config"]) for row in rows}, rows)
    axes = _find_axes(rows, configs)
    values = {}
    for row in rows:
        leaves = list_leaf_settings(configs[row["trial_id"]])
        values[row["trial_id"]] = {axis: row[axis] if axis in row else leaves.get(axis) for axis in axes}
    ordered = sorted(
        rows, key=lambda row: [make_sort_key(values[row["trial_id"]][axis]) for axis in axes] + [row["seed"]]
    )
    known = tuple(Axis(name) for name in axes if not _is_implied(name, axes, values.values()))
    plain = _name_undefended(known, configs.values())
    models: dict[str, Configuration] = {}
    threats: dict[str, Threat] = {}
    together: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in ordered:
        config, value = configs[row["trial_id"]], values[row["trial_id"]]
        model, threat = identify_configuration(config), hash_json(_attack_part(config))[:16]
        if model not in models:
            made = {axis.name: value[axis.name] for axis in known if not axis.of_attack}
            models[model] = Configuration(model, _label(known, made, row, plain) or row["model"], made, row)
        if threat not in threats:
            threats[threat] = Threat(threat, _label_threat(row, known, value), row)
        together[model, threat].append(row)
    measured = {
        (model, threat): Measured(models[model], threats[threat], tuple(group))
        for (model, threat), group in together.items()
    }
    return add_worst_case(
        Study(dataset, tuple(ordered), known, values, tuple(models.values()), tuple(threats.values()), measured)
    )


def _settle_stopping(configs: dict[str, dict[str, Any]], rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """The configurations without `stop_when_fooled` where no classifier was attacked with and without it: behind what
    is random no attack stops, and stands beside the same one on the bare model.

    :param configs: by trial.
    """
    models: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        models[identify_configuration(configs[row["trial_id"]])].append(row)
    if is_stopping_varied(models.values(), {trial: list_leaf_settings(config) for trial, config in configs.items()}):
        return configs
    return {
        trial: {**config, "attack": {name: value for name, value in config["attack"].items() if name != STOPPING}}
        for trial, config in configs.items()
    }


def _find_axes(rows: Sequence[Row], configs: Mapping[str, Any]) -> list[str]:
    """Columns along which trials differ, and the settings that it takes to tell all models and all attacks apart."""
    axes = find_varying_axes(rows)
    for part in (_extract_model_part, _attack_part):
        of_attack = part is _attack_part
        distinct = {hash_json(part(configs[row["trial_id"]])): row for row in rows}.values()
        labels = [tuple(row[axis] for axis in axes if axis.startswith("attack") is of_attack) for row in distinct]
        prefix = "attack" if of_attack else ""
        axes += find_shown_paths(
            labels, [list_leaf_settings(part(configs[row["trial_id"]]), prefix) for row in distinct]
        )
    return axes


def identify_configuration(config: Mapping[str, Any]) -> str:
    """The key of a configuration: the same for all seeds and all attacks."""
    return hash_json(_extract_model_part(config))[:16]


def identify_classifier(row: Row) -> str:
    """The key of what answers: a configuration and what stands before its model, which a certificate may say itself."""
    return f"{identify_configuration(json.loads(row['config']))}+{row['transformations'] or ''}"


def _extract_model_part(config: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the model, without the seed and without the place of its data."""
    made = {name: part for name, part in config.items() if name not in ("seed", "attack")}
    return made | {"dataset": {name: value for name, value in config["dataset"].items() if name != "root"}}


def _attack_part(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in config["attack"].items() if name != "batch_size"}


def _is_implied(name: str, axes: Sequence[str], values: Iterable[Mapping[str, Any]]) -> bool:
    """Whether an axis says no more than that a trial has adversarial fine-tuning, which lambda says already."""
    if name == "lambda" or "lambda" not in axes or not (name in TUNING or name.startswith("adversarial_finetune")):
        return False
    return len({str(value[name]) for value in values if value["lambda"] is not None}) == 1


def _name_undefended(axes: Sequence[Axis], configs: Iterable[Mapping[str, Any]]) -> str:
    """What tells a model without a defence from the others: that it was not tuned adversarially, where nothing else
    defends any; else its objective."""
    tuned = any(config.get("adversarial_finetune") for config in configs)
    told = any(axis.name == "objective" for axis in axes)
    return "no adversarial fine-tuning" if tuned and not told else f"objective {STANDARD.label}"


def _label(axes: Sequence[Axis], values: Mapping[str, Any], row: Row, plain: str) -> str:
    """The values by name. What a model lacks is left out; one that lacks every defence is said to be without, and so is
    the bare model beside those behind transformations.

    :param plain: what a model without a defence is called where lambda varies.
    """
    parts, undefended = [], values.get("lambda", 0) is None and not is_defended(row)
    for axis in (axis for axis in axes if axis.name in values):
        value = values[axis.name]
        if axis.name == "lambda" and undefended:
            parts.append(plain)
        elif axis.name == "transformations" and value is None:
            parts.append("no transformations")
        elif value is not None and not (axis.name == "objective" and undefended):
            parts.append(f"{axis.label} {axis.format_value(value)}")
    return ", ".join(parts)


def _label_threat(row: Row, axes: Sequence[Axis], values: Mapping[str, Any]) -> str:
    parts = [row["attack"]]
    if row["attack_eps"] is not None:
        parts.append(f"eps {format_column('attack_eps', row)}")
    else:
        parts.append("no bound")
    if row["attack_steps"]:
        parts.append(f"{row['attack_steps']} step{'s' if row['attack_steps'] != 1 else ''}")
    if row["attack_surrogate"]:
        parts.append(f"from {row['attack_surrogate']}")
    shown = {"attack", "attack_eps", "attack_steps", "attack_surrogate"}
    rest = [axis for axis in axes if axis.of_attack and axis.name not in shown and values[axis.name] is not None]
    parts += [f"{axis.label} {axis.format_value(values[axis.name])}" for axis in rest]
    return ", ".join(parts)
