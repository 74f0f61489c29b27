"""What commands print of one finished sweep, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.store.sweep_store import SweepStore
from tests.support.ample_sweep import list_known_ids
from tests.support.command_line import run_here
from tests.support.kept import expect_kept

BY_MODEL = 'SELECT pruning_ratio, "lambda", count(*) AS trials, sum(robust_correct) AS robust FROM trials ' \
    "WHERE status = 'finished' GROUP BY ALL ORDER BY ALL"  # fmt: skip
PRINTED: dict[str, list[str]] = {
    "results": ["results", "ample"],
    "results_csv": ["results", "ample", "--format", "csv", "--sort=-ifgsm 16/255", "--top", "3"],
    "results_json": ["results", "ample", "--json", "--where", "lambda=0.7"],
    "results_long": ["results", "ample", "--long", "--where", "attack_norm=linf", "--sort=-eps"],
    "results_worst_case": ["results", "ample", "--worst-case"],
    "results_reference": ["results", "ample", "--reference"],
    "results_sql": ["results", "ample", "--sql", BY_MODEL],
    "status": ["status"],
    "status_json": ["status", "ample", "--json"],
}


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as the terminal."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize("name", PRINTED)
def test_a_command_prints_what_it_is_meant_to(name: str, ample: SweepStore) -> None:
    ended = run_here(*PRINTED[name], "--storage", Path(ample.storage.uri))
    assert (ended.code, ended.stderr) == (0, "")
    expect_kept(f"{name}.txt", ended.stdout, list_known_ids(ample))


def test_two_trials_are_compared_image_by_image(ample: SweepStore) -> None:
    """The undefended model under a weak and a strong attack, and another model under the strong one."""
    of_one_seed = [row for row in ample.rows() if row["pruning_ratio"] == row["seed"] == 0]
    strong = [row for row in of_one_seed if row["attack"] == "ifgsm" and row["attack_eps"] > 0.05]
    rows = {(row["lambda"], row["attack_steps"]): row["trial_id"] for row in strong}
    for name, other in (("compare_attacks", rows[None, 1]), ("compare_models", rows[0.7, 10])):
        ended = run_here("compare", rows[None, 10], other, "--storage", Path(ample.storage.uri))
        assert (ended.code, ended.stderr) == (0, "")
        expect_kept(f"{name}.txt", ended.stdout, list_known_ids(ample))


def test_a_trial_is_explained_stage_by_stage(ample: SweepStore) -> None:
    finished = [row for row in ample.rows() if row["status"] == "finished" and row["lambda"] and row["pruning_ratio"]]
    chosen = min(finished, key=lambda row: (row["seed"], row["attack"]))
    ended = run_here("explain", chosen["trial_id"], "--storage", Path(ample.storage.uri))
    assert (ended.code, ended.stderr) == (0, "")
    expect_kept("explain.txt", ended.stdout, list_known_ids(ample))
