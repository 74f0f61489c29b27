"""Every figure of the README is computed here, by the product's own code, from the counts in docs/digits.csv."""

from __future__ import annotations

import csv
import functools
import re

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.report.analysis.answers import answer_questions
from orchestrator.report.analysis.selected_configurations import find_compromise
from orchestrator.report.analysis.studies import group_studies
from orchestrator.results import verdicts
from orchestrator.results.presentation import Selection, render_rows
from orchestrator.space.space import load
from tasks.trial.row import Row, make_finished_row
from tests.support.checkout import ROOT
from tests.support.report_data import TIME

README = (ROOT / "README.md").read_text()
COUNTS = ("examples", "clean_correct", "robust_correct", "worst_case_correct")
KNOWN = {"classes": 10, "parameters": 1, "nonzero_parameters": 1, "macs": 1}
"""What no figure of the README depends on."""
MARK = re.compile(r"(?<=\d) [a-z](,[a-z])*$")
"""Letters of the verdicts that speak of a number."""


@functools.cache
def plan_digits() -> Plan:
    return make_plan(load("digits"), None)


@functools.cache
def read_rows() -> tuple[Row, ...]:
    """The rows of the sweep that docs/digits.csv was printed from."""
    with (ROOT / "docs/digits.csv").open() as file:
        measured = {line["trial_id"]: {name: int(line[name]) for name in COUNTS} for line in csv.DictReader(file)}
    assert measured.keys() == {planned.trial_id for planned in plan_digits().trials}, "make figures measures it again"
    rows = []
    for planned in plan_digits().trials:
        metrics = {**KNOWN, **measured[planned.trial_id]}
        record = {"metrics": metrics, "device": "cpu", "versions": {}, "seconds": 1.0, "started_at": TIME,
                  "finished_at": TIME}  # fmt: skip
        rows.append(make_finished_row(planned.trial, planned.chain, {stage.key: record for stage in planned.chain}))
    judged = tuple(verdicts.annotate_rows(rows, read_images))
    assert all(row["worst_case_correct"] == measured[row["trial_id"]]["worst_case_correct"] for row in judged)
    return judged


def read_images(row: Row) -> dict[int, bool]:
    """Which images withstand an attack: what a longer attack leaves is among what a shorter one leaves. That this is
    so of all of them is seen by the worst cases, which were counted image by image.
    """
    return {place: place < row["robust_correct"] for place in range(row["examples"])}


def join(text: str) -> str:
    """A paragraph as one line."""
    return " ".join(text.split())


def list_figures(table: str) -> list[list[str]]:
    """The cells of each line down to the marks' reasons, and of the best one; without marks, which rest on more."""
    lines = [line for line in table.splitlines() if not set(line) <= set("- ")]
    first = next(place for place, line in enumerate(lines) if line.startswith("a  "))
    last = next(line for line in lines if line.startswith("best: "))
    rows = [*lines[:first], last]
    return [[MARK.sub("", cell) for cell in re.split(r"\s{2,}", row.strip())] for row in rows]


def test_the_table_is_what_results_prints() -> None:
    shown = re.search(r"`advsweep results digits` prints, with more below:\n\n```\n(.*?)\n```", README, re.DOTALL)
    assert shown is not None
    figures = list_figures(shown[1])
    assert len(figures) == 14
    assert figures == list_figures(render_rows(read_rows(), read_rows(), "table", Selection(), read_images))


def test_the_answer_is_what_the_report_says() -> None:
    (study,) = group_studies(read_rows())
    said = answer_questions(study, lambda _: {}).recommendation
    assert f"take {find_compromise(study).configuration.label}. {said[1]}*" in join(README)


def test_the_counts_are_those_of_the_plan() -> None:
    plan = plan_digits()
    saved = 1 - sum(plan.count().values()) / sum(plan.unshared().values())
    images = {row["examples"] for row in read_rows()}
    sentence = f"The {len(plan.trials)} trials of `digits` share {len(plan.stages)} stages ({100 * saved:.1f} % of all"
    assert sentence in join(README)
    assert [f"all {count} test images" for count in images] == re.findall(r"all \d+ test images", README)


def test_the_command_that_measures_again_writes_these_columns() -> None:
    make = (ROOT / "Makefile").read_text()
    header = (ROOT / "docs/digits.csv").read_text().splitlines()[0].replace(",", ", ")
    assert f'"SELECT {header} FROM trials' in make
