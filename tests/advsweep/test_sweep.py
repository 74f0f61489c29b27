"""A sweep that is read from Python: finished, and while it runs."""

from __future__ import annotations

import statistics
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

import advsweep
from orchestrator import settle
from orchestrator.plan.plan import Plan, plan_text
from orchestrator.store.sweep_store import SweepStore
from tasks.data.loading import load_splits
from tasks.schema import EXAMPLES, HISTORY, TRIALS
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tests.conftest import SMALL_SPACE
from tests.support.finished_sweep import finish
from tests.support.report_data import WITHOUT_TUNING, made_up

TABLES = ("trials", "history", "examples", "tradeoff", "verdicts", "worst_case", "optimality")


SHORT = ("dataset.image_size=8", "dataset.split.test=0.03", "train.epochs=1", "adversarial_finetune.epochs=1",
         "adversarial_finetune.lambda=0.5")  # fmt: skip
"""Four trials. What the tables say matters here, not what the models have learned."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, SweepStore]:
    folder = tmp_path_factory.mktemp("written")
    (folder / "small.yaml").write_text(SMALL_SPACE)
    return finish(folder / "small.yaml", folder / "s", (*SHORT, "prune.ratio={grid_search: [0, 0.5]}"))


@pytest.fixture
def sweep(written: tuple[Plan, SweepStore]) -> advsweep.Sweep:
    return advsweep.Sweep(written[1])


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_what_was_asked_for(name: str, sweep: advsweep.Sweep) -> None:
    read = getattr(sweep, name)
    arrow, pandas, polars = read(format="arrow"), read(), read(format="polars")
    assert isinstance(arrow, pa.Table)
    assert isinstance(pandas, pd.DataFrame)
    assert isinstance(polars, pl.DataFrame)
    assert arrow.num_rows == len(pandas) == len(polars) > 0
    assert arrow.column_names == list(pandas.columns) == polars.columns
    with pytest.raises(advsweep.UsageError, match="did you mean 'pandas'"):
        read(format="panda")


def test_the_tables_are_those_of_the_storage(written: tuple[Plan, SweepStore], sweep: advsweep.Sweep) -> None:
    plan, store = written
    trials = sweep.trials(format="arrow")
    assert trials.schema == TRIALS
    assert trials["trial_id"].to_pylist() == sorted(planned.trial_id for planned in plan.trials)
    assert sweep.history(format="arrow").column_names == HISTORY.names
    examples = sweep.examples()
    assert list(examples.columns) == EXAMPLES.names
    for row in store.rows():
        own = sweep.examples(row["trial_id"])
        assert (len(own), int(own["robust"].sum())) == (row["examples"], row["robust_correct"])
        assert set(own["stage_key"]) == {row["attack_key"]}
    assert set(sweep.history(plan.trials[0].trial_id)["stage_key"]) < set(sweep.history()["stage_key"])


def test_the_tradeoff_has_a_row_for_each_configuration(sweep: advsweep.Sweep) -> None:
    table, trials = sweep.tradeoff(), sweep.trials()
    assert len(table) == len(trials)
    assert sorted(table["robust_accuracy"]) == sorted(trials["robust_accuracy"])
    assert table["clean_accuracy_std"].isna().all(), "there is one seed"
    assert set(table["pruning_ratio"]) == {0, 0.5}


def test_verdicts_name_their_trials(sweep: advsweep.Sweep) -> None:
    found = sweep.verdicts()
    assert set(found["trials"].explode()) == set(sweep.trials()["trial_id"])


def test_a_query_answers_with_a_table(sweep: advsweep.Sweep) -> None:
    found = sweep.query("SELECT attack_steps, count(*) AS n FROM trials GROUP BY ALL ORDER BY ALL")
    assert found.to_dict("list") == {"attack_steps": [2, 5], "n": [2, 2]}
    assert sweep.query("SELECT 1 AS one WHERE false", format="arrow").num_rows == 0
    with pytest.raises(advsweep.UsageError, match="--sql"):
        sweep.query("SELECT * FROM '/etc/passwd'")


def test_a_model_gives_what_was_measured(written: tuple[Plan, SweepStore], sweep: advsweep.Sweep) -> None:
    row = written[1].rows()[0]
    model = sweep.model(row["trial_id"][:8])
    assert not model.training
    test = load_splits(written[0].trials[0].trial.dataset, None).test
    with torch.no_grad():
        right = model(test.pixels.float() / 255).argmax(1).eq(test.labels)
    assert int(right.sum()) == row["clean_correct"]
    with pytest.raises(advsweep.UsageError, match="there is no trial"):
        sweep.model("nothing")


def test_figures_are_shown_and_saved(sweep: advsweep.Sweep, tmp_path: Path) -> None:
    figure = sweep.figure("tradeoff")
    assert figure._repr_svg_() == figure.svg
    assert "tradeoff" in repr(figure)
    assert figure.save(tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(advsweep.UsageError, match="unknown format; choose from pdf, png, svg"):
        figure.save(tmp_path / "x.bmp")
    with pytest.raises(advsweep.UsageError, match="did you mean 'tradeoff'"):
        sweep.figure("trade_off")


def test_a_notebook_shows_how_far_it_is(sweep: advsweep.Sweep) -> None:
    shown = sweep._repr_html_()
    assert "finished, 4 of 4 trials finished" in shown
    assert shown.count("<tr>") == 5
    assert repr(sweep).startswith("<Sweep small-")


def test_what_is_there_is_read_while_the_rest_runs(written: tuple[Plan, SweepStore], tmp_path: Path) -> None:
    """Two stages and no row, then one row: as a driver leaves a storage on its way."""
    plan, store = written
    there = SweepStore(open_storage(tmp_path / "s"), plan.sweep_id)
    there.storage.write(there.path("plan.json"), plan_text(plan))
    sweep = advsweep.open(plan.sweep_id, storage=tmp_path / "s")
    assert [len(getattr(sweep, name)()) for name in TABLES] == [0] * len(TABLES)
    assert "0 of 4 trials finished" in sweep._repr_html_()
    with pytest.raises(advsweep.UsageError, match="no trial is finished yet"):
        sweep.figure("tradeoff")
    chain = plan.trials[0].chain
    with pytest.raises(advsweep.UsageError, match="not finished yet"):
        sweep.model(plan.trials[0].trial_id)
    copy_stage(store, tmp_path / "s", chain[0].key)
    assert set(sweep.history()["stage_key"]) == {chain[0].key}
    row = next(row for row in store.rows() if row["trial_id"] == plan.trials[0].trial_id)
    there.write_rows([row])
    assert sweep.trials()["trial_id"].tolist() == [row["trial_id"]]
    assert len(sweep.tradeoff()) == 1


def copy_stage(store: SweepStore, folder: Path, key: str) -> None:
    """A finished stage into another storage."""
    source = Path(store.storage.uri) / "stages" / key
    target = folder / "stages" / key
    target.mkdir(parents=True)
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    assert key in StageStore(open_storage(folder)).list_keys()


def test_a_tradeoff_is_over_seeds_and_names_what_tells_configurations_apart(tmp_path: Path) -> None:
    content = {**WITHOUT_TUNING, "prune": None, "attack": {"name": "fgsm", "eps": "8/255", "examples": 50}}
    content["train"] = {"epochs": {"grid_search": [1, 3]}, "optimizer": {"name": "sgd", "lr": 0.1}}
    store = made_up(
        tmp_path, content, images=False, finished=lambda place: place != 5,
        rule=lambda row: (0.9 - 0.02 * row["seed"] ** 2, 0.5 - 0.04 * row["seed"] ** 2),
    )  # fmt: skip
    sweep = advsweep.Sweep(store)
    table = sweep.tradeoff()
    assert sorted(table["train.epochs"]) == [1, 3]
    assert sorted(zip(table["seeds"], table["examples"], strict=True)) == [(2, 100), (3, 150)]
    for line in table.to_dict("records"):
        rows = [row for row in store.rows() if f'"epochs":{line["train.epochs"]}' in row["config"].replace(" ", "")]
        clean, robust = ([row[f"{name}_accuracy"] for row in rows] for name in ("clean", "robust"))
        assert line["clean_accuracy"] == pytest.approx(statistics.fmean(clean))
        assert line["robust_accuracy"] == pytest.approx(statistics.fmean(robust))
        assert line["clean_accuracy_std"] == pytest.approx(statistics.stdev(clean))
        assert line["robust_accuracy_std"] == pytest.approx(statistics.stdev(robust))
    shown = sweep._repr_html_()
    assert "stopped, 5 of 6 trials finished" in shown
    assert "train.epochs" in shown
    assert "attack_norm" not in shown, "it is the same in all"


def test_verdicts_are_settled_as_it_is_asked(
    sweep: advsweep.Sweep, written: tuple[Plan, SweepStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"trial_id": "a", "attack": "pgd", "eps": 0.1, "eps_space": "pixel", "verdict": "suspicious",
           "checks": "x", "tried": ["a", "b"],
           "examples": 9, "robust_before": 5, "robust_after": 3, "model": "m",
           "verdict_after": "ok", "more": 1}  # fmt: skip
    calls: list[Any] = []

    def run(store: SweepStore, uri: str, console: Any, **options: Any) -> Any:
        calls.append((store, uri, console.quiet, options))
        return SimpleNamespace(lines=[row])

    monkeypatch.setattr(settle, "settle_sweep", run)
    found = sweep.verify(dry_run=True, data_dir="data", device="cpu", address="auto", progress=False, format="arrow")
    assert found.to_pylist() == [{name: value for name, value in row.items() if name != "more"} | {"tried": 2}]
    sweep.verify()
    store = written[1]
    assert calls == [
        (store, store.storage.uri, True,
         {"dry_run": True, "data_dir": Path("data"), "device": "cpu", "address": "auto"}),
        (store, store.storage.uri, False,
         {"dry_run": False, "data_dir": None, "device": "auto", "address": "local"}),
    ]  # fmt: skip
