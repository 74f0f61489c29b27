"""The W&B run of a whole sweep."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking import overview
from orchestrator.tracking.overview import build_sweep_run, hash_overview
from orchestrator.tracking.run_names import make_run_names
from tests.support.ample_sweep import list_known_ids
from tests.support.kept import expect_kept
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


def test_the_state_of_a_sweep_is_another_where_a_trial_or_a_verdict_is() -> None:
    row = {"trial_id": "a", "status": "finished", "attack_key": "1", "verdict": None}
    other = {**row, "trial_id": "b"}
    state = hash_overview([row, other])
    assert hash_overview([other, row]) == state
    changed = [{**row, name: value} for name, value in
               (("status", "failed"), ("attack_key", "2"), ("verdict", "ok"), ("verdict", "suspicious"))]  # fmt: skip
    found = [hash_overview([each, other]) for each in changed]
    assert len({state, *found, hash_overview([row])}) == 6


def test_all_that_the_run_of_a_sweep_holds(ample: SweepStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its figures, which are those of the report; and what the runs of its trials are called."""
    monkeypatch.setattr(overview, "write_row_figures", lambda *_: [])
    rows = sorted(ample.rows(), key=lambda row: str(row["trial_id"]))
    with build_sweep_run(ample, rows) as found:
        (files,) = found.files.values()
        counted = [(file.name, pq.read_table(file).num_rows) for file in files]
    lines = [f"{name}: {value}" for name, value in vars(found).items() if name not in ("tables", "files")]
    table = found.tables["trials"]
    lines += [f"files: {counted}", f"columns: {table.columns}", *(str(row) for row in table.rows[::20])]
    lines += make_run_names(rows).values()
    known = [*list_known_ids(ample), found.id, found.key.rpartition("-")[2]]
    expect_kept("wandb_sweep.txt", "\n".join(lines).replace("}, {", "},\n {"), known)
