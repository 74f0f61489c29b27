"""The row of a trial: what its configuration asked for and what its stages found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from tasks.attacks.base import TargetedSettings
from tasks.certificates.registry import is_certificate
from tasks.keys import format_canonical_json
from tasks.kinds import MODEL_KEYS, MODEL_KINDS, TRAINING_KINDS, Kind
from tasks.metrics import compute_rate, compute_wilson
from tasks.schema import RATES, TRIALS
from tasks.training.objectives.standard.settings import STANDARD
from tasks.training.settings import TrainSettings
from tasks.trial.chain import SECTIONS, Stage, list_own_stages, list_stages_of_row
from tasks.trial.trial import Trial, find_training

OPTIONAL_METRICS = (
    "classes", "prepared", "gradient_images", "zero_gradients", "deterministic", "inference_seconds", "eps_reached",
)  # fmt: skip
Row = dict[str, Any]
"""One row of `schema.TRIALS`, every column present."""


def make_finished_row(trial: Trial, chain: Sequence[Stage], records: Mapping[str, Mapping[str, Any]]) -> Row:
    """The row of a trial whose attack is finished.

    :param records: records of stages by key; times of a stage without one are null.
    """
    known = [(stage, records[stage.key]) for stage in chain if stage.key in records]
    last = records[chain[-1].key]
    found = last["metrics"]
    row = _describe_request(trial, chain) | {
        **{name: found[name] for name in ("examples", "clean_correct", "robust_correct")},
        **{name: found.get(name) for name in OPTIONAL_METRICS},
        "health": json.dumps(found["health"], sort_keys=True) if "health" in found else None,
        **{name: found[name] for name in ("parameters", "nonzero_parameters", "macs")},
        **compute_rates(found["examples"], found["clean_correct"], found["robust_correct"]),
        "device": last["device"],
        "versions": json.dumps(last["versions"], sort_keys=True),
        "status": "finished",
        "started_at": min(datetime.fromisoformat(record["started_at"]) for _, record in known),
        "finished_at": max(datetime.fromisoformat(record["finished_at"]) for _, record in known),
    }
    runs = {stage.kind: records[stage.key] for stage in list_own_stages(chain) if stage.key in records}
    return (
        row
        | {
            f"{stage.kind}_seconds": compute_own_seconds(records[stage.key])
            for stage in list_stages_of_row(chain)
            if stage.key in records
        }
        | _describe_runs(trial, runs)
    )


def _describe_runs(trial: Trial, runs: Mapping[Kind, Mapping[str, Any]]) -> Row:
    """How the stages of a trial were run: threads, and what their training reached.

    :param runs: kind -> record of each stage of the trial's own that has one, the attack last.
    """
    sections = {kind: find_training(getattr(trial, kind)) for kind in MODEL_KINDS}
    trained = [kind for kind in runs if sections.get(kind) is not None]
    attacked = _find_adversarial([sections[kind] for kind in MODEL_KINDS])
    found = [runs[kind]["metrics"] for kind in trained if sections[kind] is attacked]
    metrics = found[-1] if found else {}
    return {
        "threads": runs[(trained or list(runs))[-1]].get("threads"),
        "train_eps_reached": metrics.get("eps_reached"),
        "robust_train_accuracy": metrics.get("robust_train_accuracy"),
        "catastrophic_overfitting_epoch": metrics.get("catastrophic_overfitting_epoch"),
    }


def compute_own_seconds(record: Mapping[str, Any]) -> float:
    """The seconds of a stage, of a run that made several its part: the sum over stages is the time that was spent."""
    return float(record["seconds"]) / int(record.get("shared_by", 1))


def make_failed_row(trial: Trial, chain: Sequence[Stage], error: str) -> Row:
    """The row of a trial that has no result."""
    return _describe_request(trial, chain) | {"status": "failed", "error": error}


def _describe_request(trial: Trial, chain: Sequence[Stage]) -> Row:
    """Every column of the schema, those that the configuration determines filled in."""
    method = trial.attack.method
    return dict.fromkeys(TRIALS.names) | {
        "trial_id": trial.trial_id,
        "replicate_id": trial.replicate_id,
        "seed": trial.seed,
        "dataset": trial.dataset.name,
        "model": trial.model.name,
        "pruning_ratio": trial.prune.ratio if trial.prune else 0.0,
        **describe_training([section for _, section in trial.list_trainings()]),
        **({"lambda": trial.condition.weight} if trial.condition else {}),
        "transformations": _describe_transformations(trial),
        "attack": method.name,
        "attack_norm": method.norm,
        "attack_eps": method.eps,
        "attack_eps_space": trial.attack.eps_space,
        "attack_steps": method.reported_steps,
        "bound": method.bound,
        "attack_targeted": isinstance(method, TargetedSettings) and method.targeted,
        "attack_surrogate": trial.attack.surrogate.label if trial.attack.surrogate else None,
        "stop_when_fooled": trial.attack.stop_when_fooled,
        "only_correct": trial.attack.only_correct,
        "split": "test",
        "config": format_canonical_json(trial.document()),
        **{f"{stage.kind}_key": stage.key for stage in list_stages_of_row(chain)},
    }


def _describe_transformations(trial: Trial) -> str | None:
    if trial.inference:
        return trial.inference.label
    return trial.attack.method.judged_behind if is_certificate(trial.attack.method) else None


def describe_training(sections: Sequence[TrainSettings | None]) -> Row:
    """The columns that say what training minimised.

    :param sections: of the stages that train, in the order of the trial; null where one is skipped.
    """
    ranked = _rank_defences(sections)
    adversarial = _find_adversarial(sections)
    mixed = adversarial.chosen_objective if adversarial else None
    attack = mixed.training_attack if mixed else None
    return {
        "objective": ranked[0].chosen_objective.label if ranked else None,
        "lambda": mixed.adversarial_share if mixed else None,
        "eps_train": mixed.trained_budget if mixed else None,
        "train_steps": attack.reported_steps if attack else None,
        "train_attack": attack.name if attack else None,
    }


def _rank_defences(sections: Sequence[TrainSettings | None]) -> list[TrainSettings]:
    """The sections there are: what defends first, and of those the last stage first."""
    found = [section for section in reversed(sections) if section is not None]
    return sorted(found, key=lambda section: section.chosen_objective.label == STANDARD.label)


def _find_adversarial(sections: Sequence[TrainSettings | None]) -> TrainSettings | None:
    """The section whose budget and share of adversarial loss stand in the row; null where none has either."""
    for section in _rank_defences(sections):
        objective = section.chosen_objective
        if objective.adversarial_share is not None or objective.trained_budget is not None:
            return section
    return None


def identify_model(row: Row) -> str:
    """What a trial attacks: the key of the last stage that made its model, and what stands before it at inference."""
    key = next((str(row[name]) for name in MODEL_KEYS if row[name]), "")
    return f"{key}+{row['transformations']}" if row["transformations"] else key


def complete_row(row: Row) -> Row:
    """A row with the columns that those of earlier releases lack, as far as its configuration says them.

    Where it names parts that are not known here, what training minimised stays null.
    """
    if row["bound"] is not None:
        return row
    config = json.loads(row["config"])
    sections = tuple(format_canonical_json(config.get(kind)) for kind in TRAINING_KINDS)
    found = _describe_written_training(sections)
    known = {name: value for name, value in found.items() if row[name] is None}
    return row | known | {"bound": "upper"}  # earlier releases had attacks alone


@lru_cache(maxsize=1024)
def _describe_written_training(sections: tuple[str, ...]) -> Row:
    """`describe_training` of sections that are JSON; nothing where they are not settings of today."""
    contents = [json.loads(section) for section in sections]
    try:
        settings = [
            find_training(SECTIONS[kind].model_validate(content)) if content else None
            for kind, content in zip(TRAINING_KINDS, contents, strict=True)
        ]
    except ValidationError:
        return {}
    return describe_training(settings)


def compute_rates(examples: int, clean: int, robust: int) -> Row:
    """The rates of `schema.RATES` with their intervals; null where there is nothing to count."""
    counted = dict(zip(RATES, ((clean, examples), (robust, examples), (clean - robust, clean)), strict=True))
    row: Row = {}
    for name, (count, total) in counted.items():
        low, high = compute_wilson(max(count, 0), total)
        row |= {name: compute_rate(count, total), f"{name}_low": low, f"{name}_high": high}
    return row
