"""The row of a trial: what its configuration asked for and what its stages found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tasks.attacks.base import TargetedSettings
from tasks.keys import format_canonical_json
from tasks.metrics import compute_rate, compute_wilson
from tasks.schema import RATES, TRIALS
from tasks.trial.chain import Stage, list_own_stages
from tasks.trial.trial import Trial

OPTIONAL_METRICS = ("classes", "gradient_images", "zero_gradients", "deterministic", "inference_seconds")
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
        **{name: found[name] for name in ("parameters", "nonzero_parameters", "macs")},
        **_compute_rates(found["examples"], found["clean_correct"], found["robust_correct"]),
        "device": last["device"],
        "versions": json.dumps(last["versions"], sort_keys=True),
        "status": "finished",
        "started_at": min(datetime.fromisoformat(record["started_at"]) for _, record in known),
        "finished_at": max(datetime.fromisoformat(record["finished_at"]) for _, record in known),
    }
    for stage in list_own_stages(chain):
        record = records.get(stage.key, {"seconds": None})
        row[f"{stage.kind}_seconds"] = record["seconds"]
    return row


def make_failed_row(trial: Trial, chain: Sequence[Stage], error: str) -> Row:
    """The row of a trial that has no result."""
    return _describe_request(trial, chain) | {"status": "failed", "error": error}


def _describe_request(trial: Trial, chain: Sequence[Stage]) -> Row:
    """Every column of the schema, those that the configuration determines filled in."""
    tuned = trial.adversarial_finetune
    training_attack = tuned.attack if tuned else None
    method = trial.attack.method
    return dict.fromkeys(TRIALS.names) | {
        "trial_id": trial.trial_id,
        "replicate_id": trial.replicate_id,
        "seed": trial.seed,
        "dataset": trial.dataset.name,
        "model": trial.model.name,
        "pruning_ratio": trial.prune.ratio if trial.prune else 0.0,
        "lambda": tuned.weight if tuned else None,
        "eps_train": training_attack.eps if training_attack else None,
        "train_steps": training_attack.reported_steps if training_attack else None,
        "attack": method.name,
        "attack_norm": method.norm,
        "attack_eps": method.eps,
        "attack_eps_space": trial.attack.eps_space,
        "attack_steps": method.reported_steps,
        "attack_targeted": isinstance(method, TargetedSettings) and method.targeted,
        "attack_surrogate": trial.attack.surrogate.label if trial.attack.surrogate else None,
        "stop_when_fooled": trial.attack.stop_when_fooled,
        "only_correct": trial.attack.only_correct,
        "split": "test",
        "config": format_canonical_json(trial.document()),
        **{f"{stage.kind}_key": stage.key for stage in list_own_stages(chain)},
    }


def _compute_rates(examples: int, clean: int, robust: int) -> Row:
    counted = dict(zip(RATES, ((clean, examples), (robust, examples), (clean - robust, clean)), strict=True))
    row: Row = {}
    for name, (count, total) in counted.items():
        low, high = compute_wilson(max(count, 0), total)
        row |= {name: compute_rate(count, total), f"{name}_low": low, f"{name}_high": high}
    return row
