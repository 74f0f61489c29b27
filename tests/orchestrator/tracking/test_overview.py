"""The W&B run of a whole sweep."""

from __future__ import annotations

from tests.support.wandb_sweep import TRIALS, Sweep


def test_the_run_of_the_sweep_holds_table_figures_curves_and_parquet(written: Sweep) -> None:
    (run,) = [run for run in written.runs() if run.job_type == "sweep"]
    rows = sorted(written.store.rows(), key=lambda row: float(row["attack_eps"]))
    assert run.summary["trials"] == run.summary["finished"] == TRIALS
    assert {"figures/tradeoff", "figures/security_curves", "trials"} <= run.history[-1].keys()
    assert run.history[-1]["trials"]["nrows"] == TRIALS
    assert run.artifacts[f"{written.store.sweep_id}-tables"] == [
        "examples.parquet",
        "history.parquet",
        "trials.parquet",
    ]
    curve = [entry for entry in run.history if "security/eps" in entry]
    assert [entry["security/eps"] for entry in curve] == [0, *(row["attack_eps"] for row in rows)]
    (name,) = curve[0].keys() - {"security/eps", "_step", "_runtime", "_timestamp"}
    assert [entry[name] for entry in curve] == [rows[0]["clean_accuracy"], *(row["robust_accuracy"] for row in rows)]
