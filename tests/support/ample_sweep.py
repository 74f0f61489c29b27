"""A finished sweep in which no two numbers are alike: what is shown of it is another text after almost any mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.results.image_reader import ImageReader
from orchestrator.results.verdicts import annotate_rows
from orchestrator.space import space as spaces
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.schema import HISTORY
from tasks.storage.stage_store import StageStore
from tasks.trial.chain import Stage
from tasks.trial.row import Row
from tests.support.report_data import TIME, made_up

SGD = {"name": "sgd", "lr": 0.1}
CONTENT: dict[str, Any] = {
    "description": "Two ways to tune, two ratios, five kinds of attacks.",
    "seed": {"grid_search": [0, 1]},
    "dataset": {"name": "digits", "split": {"test": 0.1}},
    "model": {"name": "resnet8"},
    "train": {"epochs": 2, "optimizer": SGD},
    "prune": {"ratio": {"grid_search": [0.0, 0.4]}},
    "adversarial_finetune": {
        "grid_search": [
            None,
            {"lambda": 0.7, "epochs": 3, "optimizer": SGD, "attack": {"name": "ifgsm", "eps": "8/255", "steps": 3}},
        ]
    },
    "attack": {
        "grid_search": [
            {"name": "fgsm", "eps": "8/255", "examples": 40},
            {"name": "ifgsm", "eps": {"grid_search": ["8/255", "16/255"]}, "steps": {"grid_search": [1, 10]},
             "examples": 40},
            {"name": "pgd", "norm": "l2", "eps": 0.5, "steps": 20, "examples": 40},
            {"name": "jsma", "eps": 6, "examples": 40},
            {"name": "interval_bounds", "eps": "8/255", "examples": 40},
        ]
    },
    "reference": [
        {"match": {"pruning_ratio": 0.4, "attack": "pgd", "lambda": 0.7}, "robust_accuracy": 0.61, "source": "Table 1"},
        {"match": {"pruning_ratio": 0.0, "attack": "fgsm"}, "clean_accuracy": 0.9, "source": "Table 2"},
        {"match": {"lambda": 0.7}, "stage": "adversarial_finetune", "epoch": 2, "train_loss": 0.5, "source": "Fig. 3"},
    ],
    "figures": {
        "bars": {"kind": "budget_bars", "title": "Figure 1", "where": {"attack": ["ifgsm", "fgsm"]},
                 "rates": ["clean_accuracy", "attack_success_rate"]},
        "epochs": {"kind": "training_table", "where": {"pruning_ratio": 0.4}},
        "curves": {"kind": "security_curves", "where": {"lambda": 0.7}, "rates": ["attack_success_rate"]},
    },
}  # fmt: skip
"""64 trials: two seeds of four models under eight attacks, one of them a certificate."""


def measure(row: Row) -> tuple[float, float]:
    """Clean and robust accuracy by no simple rule."""
    defended = row["lambda"] is not None
    clean = 0.95 - 0.125 * row["pruning_ratio"] * 2 - 0.05 * row["seed"] - 0.075 * defended
    force = {"fgsm": 0.2, "ifgsm": 0.25, "pgd": 0.3, "jsma": 0.425, "interval_bounds": 0.65}[row["attack"]]
    force += 5 * (row["attack_eps"] - 8 / 255) if row["attack"] == "ifgsm" else 0.0
    force += 0.1 if (row["attack_steps"] or 0) > 5 and row["attack"] == "ifgsm" else 0.0
    return clean, max(0.025, clean - force * (0.45 if defended else 1.3) - 0.15 * row["pruning_ratio"])


def make_ample_sweep(folder: Path) -> SweepStore:
    """The sweep in a storage folder: two trials failed, one is missing, stages that train have their epochs."""
    sweep = made_up(
        folder, CONTENT, "ample", rule=measure, shown=lambda _: (3, 0, 17),
        failed=lambda place: place in (5, 60), finished=lambda place: place != 41,
    )  # fmt: skip
    plan = make_plan(spaces.build("ample", "ample", dict(CONTENT)), None)
    for number, stage in enumerate(list_training_stages(plan)):
        _publish_history(StageStore(sweep.storage), stage, number)
    read = ImageReader(StageStore(sweep.storage))
    sweep.write_rows(annotate_rows([_add_trouble(row) for row in sweep.rows()], read))
    return sweep


def _add_trouble(row: Row) -> Row:
    """What the checks speak against: gradients of one model that lead nowhere, and another that answers at random."""
    if row["status"] == "finished" and row["pruning_ratio"] == 0.4:
        defended = row["lambda"] is not None
        return {**row, **({"deterministic": False} if defended else {"zero_gradients": 30})}
    return row


def list_known_ids(sweep: SweepStore) -> list[str]:
    """Everything in a text about the sweep that a new version of a stage would change."""
    plan = sweep.plan()
    replicates, data = (
        {row["replicate_id"] for row in sweep.rows()},
        {stage["data"] for stage in plan["stages"].values()},
    )
    trials = [trial["trial_id"] for trial in plan["trials"]]
    return [sweep.sweep_id.rpartition("-")[2], *trials, *plan["stages"], *replicates, *data]


def list_training_stages(plan: Plan) -> list[Stage]:
    """The distinct stages that train, in the order of the plan."""
    chain = [stage for planned in plan.trials for stage in planned.chain]
    return list({stage.key: stage for stage in chain if stage.kind in ("train", "adversarial_finetune")}.values())


def _publish_history(store: StageStore, stage: Stage, number: int) -> None:
    draft = store.make_draft()
    blank = dict.fromkeys(HISTORY.names)
    epochs = 2 if stage.kind == "train" else 3
    entries = [
        blank
        | {
            "stage_key": stage.key, "stage": stage.kind, "epoch": epoch,
            "train_loss": 2.0 / (epoch + 1) + 0.01 * number, "train_accuracy": 0.3 + 0.2 * epoch + 0.001 * number,
            "validation_accuracy": 0.25 + 0.2 * epoch if stage.kind == "train" else None,
            "learning_rate": 0.1 / (epoch + 1), "seconds": 1.5 + epoch,
        }
        for epoch in range(epochs)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(entries, schema=HISTORY), draft / paths.HISTORY)
    record = {"metrics": {}, "device": "cpu", "versions": {}, "seconds": 10.0 + number, "started_at": TIME,
              "finished_at": TIME}  # fmt: skip
    store.publish(
        stage.key, draft, {**stage.identity, "model_settings": stage.model.document(), **record, "sweep_id": "another"}
    )
