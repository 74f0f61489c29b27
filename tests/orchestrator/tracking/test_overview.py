"""The W&B run of a whole sweep."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from orchestrator.report.analysis.attack_families import list_curve_families
from orchestrator.report.analysis.studies import group_studies
from orchestrator.results.checks.verdict import rank_severity
from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking import overview
from orchestrator.tracking.overview import build_curves, build_sweep_run, hash_overview, make_metric_name
from orchestrator.tracking.run_names import make_run_names
from tests.support.ample_sweep import list_known_ids
from tests.support.kept import expect_kept
from tests.support.report_data import WITHOUT_TUNING, made_up
from tests.support.wandb_sweep import TRIALS, Sweep


def test_the_run_of_the_sweep_holds_table_figures_curves_and_parquet(written: Sweep) -> None:
    (run,) = [run for run in written.runs() if run.job_type == "sweep"]
    rows = sorted(written.store.rows(), key=lambda row: float(row["attack_eps"]))
    assert run.summary["trials"] == run.summary["finished"] == TRIALS
    assert {"figures/tradeoff", "figures/security_curves", "trials"} <= run.history[-1].keys()
    assert run.history[-1]["trials"]["nrows"] == TRIALS
    assert run.history[-1]["verdicts"]["nrows"] == TRIALS
    counts = Counter(f"verdicts_{row['verdict'].replace(' ', '_')}" for row in rows)
    assert {name: count for name, count in run.summary.items() if name.startswith("verdicts_")} == counts
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
    names = make_run_names(rows)
    with build_sweep_run(ample, rows, names) as found:
        (files,) = found.files.values()
        counted = [(file.name, pq.read_table(file).num_rows) for file in files]
    lines = [f"{name}: {value}" for name, value in vars(found).items() if name not in ("tables", "files")]
    table = found.tables["trials"]
    lines += [f"files: {counted}", f"columns: {table.columns}", *(str(row) for row in table.rows[::20])]
    verdicts = found.tables["verdicts"]
    lines += [f"verdicts: {verdicts.columns}", *(str(row) for row in verdicts.rows[::6])]
    lines += names.values()
    known = [*list_known_ids(ample), found.id, found.key.rpartition("-")[2]]
    expect_kept("wandb_sweep.txt", "\n".join(lines).replace("}, {", "},\n {"), known)


def test_the_table_of_verdicts_has_every_finished_trial_under_its_run_the_worst_first(
    ample: SweepStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "write_row_figures", lambda *_: [])
    rows = ample.rows()
    finished = {row["trial_id"]: row for row in rows if row["status"] == "finished"}
    unseen = next(iter(finished.values()))
    unseen |= {"verdict": None, "verdict_reason": None}
    names = make_run_names(rows)
    with build_sweep_run(ample, rows, names) as found:
        table = found.tables["verdicts"]
    lines = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [line["trial_id"] for line in lines][-1] == unseen["trial_id"]
    assert {line["trial_id"] for line in lines} == finished.keys()
    for line in lines:
        row = finished[line["trial_id"]]
        assert line == {"run": names[row["trial_id"]], **{name: row[name] for name in line.keys() - {"run"}}}
    worst = [rank_severity(line["verdict"]) for line in lines[:-1]]
    assert worst == sorted(worst, reverse=True)
    assert len(set(worst)) > 1
    counts = {name: count for name, count in found.summary.items() if name.startswith("verdicts_")}
    assert sum(counts.values()) == len(finished) - 1
    assert counts["verdicts_suspicious"] == worst.count(rank_severity("suspicious"))


def test_each_data_set_attacked_at_several_budgets_has_curves_of_its_own(tmp_path: Path) -> None:
    """The strongest attack at each budget, means over three seeds; one data set was attacked at one budget alone."""
    rows = [{**row, "clean_accuracy": 0.9, "robust_accuracy": _leave(row)}
            for row in made_up(tmp_path, {**WITHOUT_TUNING, "prune": None}, images=False).rows()]  # fmt: skip
    small = [{**row, "dataset": "my.data/2"} for row in rows if row["attack_eps"] < 0.1]
    single = [{**row, "dataset": "one"} for row in rows if row["attack_eps"] > 0.1]
    assert build_curves(rows) == {"security": _expect("security", [8, 16, 32])}
    assert build_curves([*small, *rows, *single]) == {
        "security_digits": _expect("security_digits", [8, 16, 32]),
        "security_my_data_2": _expect("security_my_data_2", [8, 16]),
    }
    assert build_curves(single) == {}


def test_each_family_of_attacks_has_curves_and_the_first_keeps_its_names(tmp_path: Path) -> None:
    few = {**WITHOUT_TUNING["attack"], "norm": "l2", "eps": {"grid_search": [0.5, 1]}, "steps": 10}
    attacks = {"grid_search": [few, WITHOUT_TUNING["attack"]]}
    made = made_up(tmp_path, {**WITHOUT_TUNING, "prune": None, "attack": attacks}, images=False).rows()
    found = build_curves([
        {**row, "clean_accuracy": 0.9, "robust_accuracy": 0.5 if row["attack_norm"] == "l2" else _leave(row)}
        for row in made
    ])  # fmt: skip
    assert found.pop("security") == _expect("security", [8, 16, 32])
    ((prefix, entries),) = found.items()
    assert prefix == "security_ifgsm, l2, 10 steps"
    assert [entry[f"{prefix}/eps"] for entry in entries] == [0, 0.5, 1]
    assert [entry[f"{prefix}/resnet8"] for entry in entries] == pytest.approx([0.9, 0.5, 0.5])


def test_families_of_one_name_keep_their_curves_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = made_up(tmp_path, {**WITHOUT_TUNING, "prune": None, "seed": 0}, images=False).rows()
    (family, *_) = list_curve_families(group_studies(rows)[0])
    monkeypatch.setattr(overview, "list_curve_families", lambda _: [family] * 3)
    first, second, third = build_curves(rows)
    assert (first, third) == ("security", f"{second} 2")


def _leave(row: dict[str, Any]) -> float:
    """What is robust at n/255 with ten steps: 0.8 - n/50, a seed more or less a hundredth."""
    return float(0.8 - 255 * row["attack_eps"] / 50 + (row["seed"] - 1) / 100 + 0.1 * (row["attack_steps"] == 1))


def _expect(prefix: str, budgets: list[int]) -> list[Any]:
    points = [(0.0, 0.9), *((n / 255, 0.8 - n / 50) for n in budgets)]
    return [{f"{prefix}/eps": pytest.approx(eps), f"{prefix}/resnet8": pytest.approx(left)} for eps, left in points]


def test_models_whose_names_are_one_once_cut_have_a_curve_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "LONGEST_METRIC", len("pruning ratio "))
    content = {**WITHOUT_TUNING, "seed": 0, "prune": {"ratio": {"grid_search": [0.0, 0.4, 0.5]}}}
    rows = made_up(tmp_path, content, images=False).rows()
    clean, *_ = build_curves(rows)["security"]
    models = {row["trial_id"][:7]: pytest.approx(row["clean_accuracy"]) for row in rows}
    names = clean.keys() - {"security/eps"}
    assert len(names) == 3
    for name in names:
        assert name.startswith("security/prunin ")
        assert models[name[-7:]] == clean[name], "the id of one of its trials names the model"


def test_what_tells_a_metric_from_others_stays_where_its_name_is_cut() -> None:
    assert make_metric_name("x" * 200, " s0 a/b") == "x" * 93 + " s0 a_b"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("pruning ratio 0.4, lambda 1", "pruning ratio 0_4, lambda 1"),
        ("a/b:c|d+e=f-g_h", "a_b_c_d+e=f-g_h"),
        ("x" * 99 + "yz", "x" * 99 + "y"),
    ],
)
def test_a_name_of_a_metric_has_no_dots_and_slashes(label: str, name: str) -> None:
    assert make_metric_name(label) == name


def test_attacked_images_that_are_too_many_stay_in_the_storage(
    ample: SweepStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left of the folder afterwards; only finished trials are drawn, in pictures by their names."""
    rows, drawn = ample.rows(), list[Any]()
    run_names = make_run_names(rows)

    def draw(some: list[Any], folder: Path) -> list[Path]:
        folder.mkdir()
        drawn.append(some)
        for name in ("axes", "tradeoff"):
            (folder / f"{name}.png").write_bytes(name.encode())
        return sorted(folder.iterdir())

    monkeypatch.setattr(overview, "write_row_figures", draw)
    keys = {row["attack_key"] for row in rows if row["status"] == "finished"}
    size = sum(path.stat().st_size for path in Path(str(ample.storage.local)).glob("stages/*/examples.parquet")
               if path.parent.name in keys)  # fmt: skip
    for most, names in ((size, ["trials", "history", "examples"]), (size - 1, ["trials", "history"])):
        monkeypatch.setattr(overview, "MOST_BYTES", most)
        with build_sweep_run(ample, rows, run_names) as found:
            (files,) = found.files.values()
            assert [file.name for file in files] == [f"{name}.parquet" for name in names]
            assert all(file.exists() for file in files)
        assert not any(file.exists() for file in files)
        assert found.summary.get("examples_left_out_bytes") == (None if most == size else size)
        assert found.images == {"figures/axes": b"axes", "figures/tradeoff": b"tradeoff"}
    assert {row["status"] for some in drawn for row in some} == {"finished"}
    assert len(drawn[0]) == found.summary["finished"] == len(rows) - 2
