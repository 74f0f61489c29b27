"""Figures that spaces name, and those of the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.report_data import ReportData, load_report_data
from orchestrator.report.figures.requests import Requested, ask_for_figure, draw_asked, draw_named
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UsageError
from tasks.storage.stage_store import StageStore
from tests.support.command_line import run_here
from tests.support.drawn_marks import read_marks, read_numbers
from tests.support.report_data import GRID, WITHOUT_TUNING, made_up

FIGURES: dict[str, Any] = {
    "pruned": {"kind": "confusion_matrices", "title": "Figure 7", "where": {"pruning_ratio": 0.4, "attack_steps": 10}},
    "later": {"kind": "heat_map", "where": {"attack": "pgd"}},
    "single": {"kind": "heat_map", "where": {"attack_steps": 1}},
}


def draw(data: ReportData, wanted: str, where: dict[str, Any], records: ImageRecords | None = None) -> Requested:
    name, request = ask_for_figure(data, wanted, where)
    return draw_asked(name, request, data, records or ImageRecords(data.store), None)


def test_a_figure_draws_what_it_selects_and_nothing_else(made_data: ReportData, made_images: ImageRecords) -> None:
    drawn = draw(made_data, "heat", {"pruning_ratio": 0.4, "lambda": None, "seed": [0, 1]}, made_images)
    (figure,) = drawn.figures
    assert figure.name == "heat_map-pruning_ratio-0.4-lambda-null-seed-0-1"
    assert len(figure.panels) == 1
    rows = [row for row in made_data.rows if row["pruning_ratio"] == 0.4 and not row["lambda"] and row["seed"] < 2]
    for mark in read_marks(figure, "cells"):
        at = [row["robust_accuracy"] for row in rows if row["attack_steps"] == int(mark.says["iterations"])
              and f"{round(255 * row['attack_eps'])}/255" == mark.says["eps"]]  # fmt: skip
        assert len(at) == 2
        assert mark.says["robust accuracy"].startswith(f"{50 * sum(at):.2f}")


def test_every_attack_that_is_selected_stands_beside_the_clean_images(
    made_data: ReportData, made_images: ImageRecords
) -> None:
    where = {"pruning_ratio": 0.4, "lambda": 0.9, "eps_train": "8/255", "attack_eps": "32/255", "seed": 0}
    (figure,) = draw(made_data, "confusion", where, made_images).figures
    assert [panel.title.split(":")[0] for panel in figure.panels] == [
        "clean images", "ifgsm, eps 32/255, 1 step", "ifgsm, eps 32/255, 10 steps"
    ]  # fmt: skip
    assert figure.columns == 3
    rows = [row for row in made_data.rows if row["pruning_ratio"] == 0.4 and row["lambda"] == 0.9
            and row["eps_train"] < 0.05 and row["attack_eps"] > 0.1 and row["seed"] == 0]  # fmt: skip
    right = [sum(map(int, read_diagonal(figure, panel))) for panel in range(3)]
    wanted = {row["attack_steps"]: row["robust_correct"] for row in rows}
    assert right == [rows[0]["clean_correct"], wanted[1], wanted[10]]


def read_diagonal(figure: Any, panel: int) -> list[str]:
    marks = [mark.says for mark in read_marks(figure, "cells") if mark.panel == panel]
    assert len(read_numbers(figure, panel)) == len(marks)
    return [says["images"] for says in marks if says["true class"] == says["predicted class"]]


def test_what_speaks_against_the_numbers_of_a_figure_is_said(made_data: ReportData, made_images: ImageRecords) -> None:
    where = {"lambda": None, "seed": 0}
    calm, doubted = (
        replace(made_data, rows=tuple({**row, "verdict": verdict, "verdict_reason": None} for row in made_data.rows))
        for verdict in ("ok", "upper bound")
    )
    for kind in ("tradeoff", "axes", "security_curves", "budget_bars", "heat_map", "confidence"):
        assert " upper bound" in draw(doubted, kind, where, made_images).doubts, kind
        assert draw(calm, kind, where, made_images).doubts == "", kind
    assert draw(doubted, "heat_map", where, made_images).doubts.startswith(
        "12 of the 12 robust accuracies are upper bounds; "
    )


@pytest.mark.slow
def test_what_is_left_out_is_said(made_data: ReportData, made_images: ImageRecords) -> None:
    drawn = draw(made_data, "confidence", {"attack_steps": 10}, made_images)
    assert len(drawn.figures[0].panels) == 10, "every model under the headline attack"
    assert drawn.notes == ("Shows 10 of the 30 models under attack that are selected.",)
    assert draw(made_data, "confidence", {"attack_steps": 10, "attack_eps": "8/255"}, made_images).notes == ()
    assert (
        draw(made_data, "heat_map", {}, made_images).notes == draw(made_data, "tradeoff", {}, made_images).notes == ()
    )


def test_what_a_figure_has_read_of_images_serves_the_next(
    made_data: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A selection reads the images again for its worst cases, which each of several figures would do."""
    records, read = ImageRecords(made_data.store), list[str]()
    real = StageStore.read_if_whole

    def note(store: StageStore, key: str, name: str) -> bytes | None:
        read.append(key)
        return real(store, key, name)

    monkeypatch.setattr(StageStore, "read_if_whole", note)
    where = {"pruning_ratio": 0.4, "lambda": None, "seed": 0, "attack_steps": 10}
    draw(made_data, "tradeoff", where, records)
    assert len(set(read)) == len(read) > 0
    draw(made_data, "budget_bars", where, records)
    assert len(set(read)) == len(read)


def test_of_more_models_than_twelve_a_heat_map_shows_a_few(tmp_path: Path) -> None:
    for count in (12, 13):
        attack = {**GRID["attack"], "eps": {"grid_search": ["8/255", "32/255"]}}
        ratios = {"grid_search": [n / 20 for n in range(count)]}
        content = {**WITHOUT_TUNING, "seed": 0, "prune": {"ratio": ratios}, "attack": attack}
        drawn = draw(load_report_data([made_up(tmp_path / str(count), content, images=False)]), "heat_map", {})
        shown = len(drawn.figures[0].panels)
        assert (shown == 12) if count == 12 else (1 <= shown <= 4)
        assert drawn.notes == (() if count == 12 else (f"Shows {shown} of the 13 models that are selected.",))


def test_a_file_is_named_by_what_is_selected_up_to_some_length(made_data: ReportData) -> None:
    where = {"lambda": None, "attack_eps": "8/255", "model": "Res/Net 8"}
    name, request = ask_for_figure(made_data, "axes", where)
    assert name == "axes-lambda-null-attack_eps-8-255-model-res-net-8"
    assert (request.kind, request.where) == ("axes", where)
    assert ask_for_figure(made_data, "axes", {})[0] == "axes"
    assert ask_for_figure(made_data, "axes", {"model": "x" * 200})[0] == f"axes-model-{'x' * 109}"


@pytest.mark.parametrize(
    ("wanted", "where", "message"),
    [
        ("con", {}, r"--figure con: write more of the name: confidence \(how .*, or confusion_matrices \(images "),
        ("heatmap", {}, "--figure heatmap: choose from .*did you mean 'heat_map'"),
        ("heat_map", {"attack": "pgd"}, "--where attack=pgd: no trial has it; there are ifgsm"),
        (
            "heat_map",
            {"attack_steps": 1, "lambda": None, "seed": 0},
            "heat_map takes an attack at several budgets and several iterations",
        ),
        (
            "training_table",
            {"lambda": None, "seed": 0, "attack_steps": 1},
            "training_table takes epochs of these stages",
        ),
    ],
)
def test_a_figure_that_cannot_be_drawn_says_why(
    made_data: ReportData, made_images: ImageRecords, wanted: str, where: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        draw(made_data, wanted, where, made_images)


def test_of_a_sweep_without_a_finished_trial_that_is_said(tmp_path: Path) -> None:
    data = load_report_data([made_up(tmp_path, {**WITHOUT_TUNING, "figures": FIGURES}, finished=lambda _: False)])
    with pytest.raises(UsageError, match="there is no finished trial to draw yet"):
        draw(data, "images", {})
    named = draw_named(data.sweeps[0], data, ImageRecords(data.store), None)
    assert {drawn.notes for drawn in named} == {("Not drawn: there is no finished trial to draw yet.",)}


@pytest.mark.slow
def test_figures_of_a_space_are_drawn_or_say_why_not(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, {**WITHOUT_TUNING, "figures": FIGURES}, finished=lambda place: place < 30)
    data = load_report_data([sweep])
    pruned, later, single = draw_named(data.sweeps[0], data, ImageRecords(data.store), None)
    assert (pruned.title, [figure.name for figure in pruned.figures]) == ("Figure 7", ["pruned"])
    assert (later.figures, later.notes) == ((), ("Not drawn: where attack=pgd: no trial has it; there are ifgsm.",))
    assert (later.title, single.title) == ("later", "single")
    assert single.notes == ("Nothing to draw: heat_map takes an attack at several budgets and several iterations.",)
    assert ask_for_figure(data, "prun", {"attack_steps": 1})[1].where == {"pruning_ratio": 0.4, "attack_steps": 1}


def test_each_sweep_draws_its_own_trials(tmp_path: Path) -> None:
    figures = {"all": {"kind": "budget_bars"}}
    sweeps = [
        made_up(
            tmp_path, {**WITHOUT_TUNING, "seed": seed, "prune": None, "figures": figures}, f"seed_{seed}", images=False
        )
        for seed in (0, 1)
    ]
    data = load_report_data(sweeps)
    for seed, facts in enumerate(data.sweeps):
        ((drawn,),) = (one.figures for one in draw_named(facts, data, ImageRecords(data.store), None))
        assert drawn.name == f"all-seed_{seed}"
        known = {f"{row['robust_accuracy']:.3f}" for row in data.rows if row["seed"] == seed}
        assert {f"{row['mean']:.3f}" for row in drawn.tables["bars"]} <= known


def test_of_two_sweeps_that_name_a_figure_alike_the_first_is_meant(tmp_path: Path) -> None:
    sweeps = [
        made_up(tmp_path, {**WITHOUT_TUNING, "seed": 0, "figures": {"mine": {"kind": kind}}}, kind, images=False)
        for kind in ("heat_map", "budget_bars")
    ]
    for data in (load_report_data(sweeps), load_report_data(sweeps[::-1])):
        assert ask_for_figure(data, "mine", {})[1].kind == data.sweeps[0].figures["mine"].kind


@pytest.mark.slow
def test_the_command_writes_only_what_was_asked_for(made_sweep: SweepStore, tmp_path: Path) -> None:
    storage = str(made_sweep.storage.local)
    asked = ["--figure", "heat_map", "--where", "pruning_ratio=0.4", "--where", "lambda=null", "--formats", "svg"]
    shown = run_here("report", "made", "--storage", storage, "--out", tmp_path, *asked)
    (file,) = tmp_path.iterdir()
    assert file.name == "heat_map-pruning_ratio-0.4-lambda-null.svg"
    assert (shown.code, shown.stdout.split()) == (0, [str(file)])
    wrong = run_here("report", "made", "--storage", storage, "--where", "attack=fgsm")
    assert (wrong.code, "--where goes with --figure" in wrong.stderr) == (2, True)
    wrong = run_here("report", "made", "--storage", storage, "--figure", "heat_map", "--where", "atack=1")
    assert (wrong.code, "did you mean 'attack'?" in wrong.stderr) == (2, True)
