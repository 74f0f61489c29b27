"""Which models, attacks and axes a study has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.analysis.report_data import ReportData, load_report_data
from orchestrator.report.analysis.selected_configurations import find_baseline
from orchestrator.report.analysis.studies import group_studies, identify_configuration
from orchestrator.report.analysis.study import Study
from tests.support.report_data import GRID, WITHOUT_TUNING, made_up


def test_a_study_knows_its_models_attacks_and_axes(made_study: Study) -> None:
    assert (len(made_study.configurations), len(made_study.threats), len(made_study.rows)) == (10, 6, 180)
    assert [axis.name for axis in made_study.training_axes] == ["pruning_ratio", "lambda", "eps_train"]
    assert {len(entry.rows) for entry in made_study.measured.values()} == {3}


def test_other_test_images_make_another_model_in_the_table(tmp_path: Path) -> None:
    one = {**GRID, "seed": 0, "attack": {"name": "fgsm", "eps": "8/255"}}
    larger = {**WITHOUT_TUNING, "seed": 0, "attack": one["attack"]}
    larger |= {"dataset": {"name": "digits", "image_size": 16, "split": {"test": 0.3}}}
    sweeps = [made_up(tmp_path, one, "one", images=False), made_up(tmp_path, larger, "two", images=False)]
    labels = [c.label for study in load_report_data(sweeps).studies for c in study.configurations]
    assert len(labels) == len(set(labels)) == 12
    assert sum("dataset.split.test 0.3" in label for label in labels) == 2


def test_models_are_named_by_the_attack_of_their_training_and_by_their_defence(tmp_path: Path) -> None:
    """Study C: fine-tuning on examples of FGSM and of JSMA; and a training objective is no lack of a defence."""
    tuning = {"lambda": 1, "fixed_examples": 50, "epochs": 1, "optimizer": {"name": "sgd", "lr": 0.1}}
    attacks = {"grid_search": [{"name": "fgsm", "eps": 0.01}, {"name": "jsma"}]}
    plain = {"epochs": 2, "optimizer": {"name": "sgd", "lr": 0.1}}
    trades = {**plain, "objective": {"name": "trades", "attack": {"name": "pgd", "eps": "8/255", "steps": 2}}}
    content = {
        **WITHOUT_TUNING,
        "seed": 0,
        "prune": None,
        "train": {"grid_search": [plain, trades]},
        "adversarial_finetune": {"grid_search": [None, {**tuning, "attack": attacks}]},
        "attack": {"name": "fgsm", "eps": 0.01},
    }
    (study,) = load_report_data([made_up(tmp_path, content, images=False)]).studies
    labels = [configuration.label for configuration in study.configurations]
    assert len(set(labels)) == 6
    assert sum("training attack jsma" in label for label in labels) == 2
    plain_label, defended = (
        next(c.label for c in study.configurations if c.row["objective"] == objective and c.row["lambda"] is None)
        for objective in ("standard", "trades")
    )
    assert plain_label == "objective standard"
    assert "objective trades" in defended
    assert "no adversarial" not in defended


@pytest.mark.parametrize(
    "objectives", [["oat"], ["adversarial"], ["adversarial", "trades"]], ids=lambda names: "+".join(names)
)
def test_where_nothing_is_tuned_the_model_without_a_defence_is_named_by_its_objective(
    objectives: list[str], tmp_path: Path
) -> None:
    plain = {"epochs": 2, "optimizer": {"name": "sgd", "lr": 0.1}}
    attack = {"attack": {"name": "pgd", "eps": "8/255", "steps": 2}}
    taking = {"lambda": 1} if "adversarial" in objectives else {}
    trained = [
        {**plain, "objective": {"name": n, **attack, **(taking if n == "adversarial" else {})}} for n in objectives
    ]
    content = {
        **WITHOUT_TUNING,
        "seed": 0,
        "prune": None,
        "train": {"grid_search": [plain, *trained]},
        "condition": {"lambda": {"grid_search": [0, 1]}} if "oat" in objectives else None,
        "attack": {"name": "fgsm", "eps": 0.01},
    }
    (study,) = load_report_data([made_up(tmp_path, content, images=False)]).studies
    assert find_baseline(study).configuration.label == "objective standard"


def test_the_bare_model_beside_those_behind_transformations_is_said_to_be_without(tmp_path: Path) -> None:
    behind = {"grid_search": [None, {"transformations": [{"name": "bit_depth", "bits": 2}]}]}
    content = {**WITHOUT_TUNING, "seed": 0, "prune": None, "inference": behind, "attack": {"name": "fgsm", "eps": 0.01}}
    (study,) = load_report_data([made_up(tmp_path, content, images=False)]).studies
    labels = sorted(configuration.label for configuration in study.configurations)
    assert labels == ["no transformations", "transformations bit_depth(bits 2)"]


def test_an_attack_that_walks_on_behind_what_is_random_is_the_one_of_the_bare_model(tmp_path: Path) -> None:
    behind = {"grid_search": [None, {"transformations": [{"name": "noise"}]}]}
    content = {**WITHOUT_TUNING, "seed": 0, "prune": None, "inference": behind, "attack": {"name": "fgsm", "eps": 0.01}}
    (study,) = load_report_data([made_up(tmp_path, content, images=False)]).studies
    assert {row["stop_when_fooled"] for row in study.rows} == {True, False}
    assert [threat.label for threat in study.threats] == ["fgsm, eps 0.01, 1 step"]
    content |= {"attack": {**content["attack"], "stop_when_fooled": {"grid_search": [True, False]}}}
    (study,) = load_report_data([made_up(tmp_path, content, "both", images=False)]).studies
    assert len(study.threats) == 2


def test_replicates_stand_in_the_order_of_their_seeds(made_data: ReportData) -> None:
    """Also where the rows were written the other way round."""
    (study,) = group_studies([row for row in made_data.rows if row["attack_eps"] > 0.1][::-1])
    assert {tuple(row["seed"] for row in entry.rows) for entry in study.measured.values()} == {(0, 1, 2)}


@pytest.mark.parametrize(
    ("section", "changes", "same"),
    [
        ("dataset", {"root": "/elsewhere"}, True),
        ("dataset", {"image_size": 8}, False),
        ("attack", {"name": "pgd"}, True),
        ("seed", 5, True),
        ("prune", {"ratio": 0.5}, False),
        ("inference", {"answer": "vote"}, False),
    ],
)
def test_a_configuration_is_the_same_for_all_seeds_attacks_and_places_of_its_data(
    section: str, changes: Any, same: bool
) -> None:
    config: dict[str, Any] = {"seed": 1, "dataset": {"name": "a", "root": "/here"}, "attack": {"name": "fgsm"}}
    changed = {**config, section: {**config.get(section, {}), **changes} if isinstance(changes, dict) else changes}
    assert (identify_configuration(changed) == identify_configuration(config)) is same
