"""Limits, patience and thresholds are in the code what the documents promise."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

from orchestrator.cluster import head_watch
from orchestrator.options import LaunchOptions
from orchestrator.results import limits
from orchestrator.results.checks import adaptive, behaviour, model, path
from orchestrator.run import worker_pool, worker_starts
from orchestrator.space import space
from orchestrator.store import heartbeat, presence, storage_lock
from orchestrator.tracking import content, live, log, overview
from tests.support.checkout import ROOT

FIGURES: tuple[tuple[str, str, ModuleType, Mapping[str, Any]], ...] = (
    ("security", "| a query | 300 s and 4 GB; `ADVSWEEP_SQL_TIMEOUT`, `ADVSWEEP_SQL_GB` |", limits,
     {"DEFAULT_TIMEOUT": 300, "DEFAULT_MEMORY": 4, "TIMEOUT": "ADVSWEEP_SQL_TIMEOUT", "MEMORY": "ADVSWEEP_SQL_GB"}),
    ("security", "| the trials of a space | 200,000; `ADVSWEEP_MOST_TRIALS` |", space,
     {"DEFAULT_MOST_TRIALS": 200_000, "MOST_TRIALS": "ADVSWEEP_MOST_TRIALS"}),
    ("faults", "after half a minute it is said, after 100 s the sweep ends and says why", worker_starts,
     {"FIRST_WORD": 30, "LONGEST_SHORTAGE": 100}),
    ("faults", "Five workers in a row that fail in their own start stop the", worker_starts, {"MOST_FAILURES": 5}),
    ("faults", "at most 256 workers at a time that are not up yet", worker_pool, {"MOST_PENDING": 256}),
    ("faults", "advsweep ends after 30 s, with a message", head_watch, {"DEFAULT_TIMEOUT": 30}),
    ("faults", "`ADVSWEEP_HEAD_TIMEOUT` is that patience in seconds, at most 50", head_watch,
     {"LONGEST_TIMEOUT": 50, "TIMEOUT_VARIABLE": "ADVSWEEP_HEAD_TIMEOUT"}),
    ("storage", "whose driver has given a sign of life in the\nlast 30 s", heartbeat, {"ALIVE_WITHIN": 30}),
    ("storage", "`clean` waits, up to two minutes, before its second look", storage_lock, {"PATIENCE": 120}),
    ("storage", "written anew every 5 s", presence, {"BEAT": 5}),
    ("storage", "others watch its file for 30 s", presence, {"ALIVE_WITHIN": 30}),
    ("wandb", "in `sweeps/<id>/drivers/` every 5 seconds", heartbeat, {"BEAT": 5}),
    ("wandb", "than 30 seconds by the clock of the storage and that of the reader, which may differ by 20 seconds",
     heartbeat, {"ALIVE_WITHIN": 30, "CLOCKS_DIFFER": 20}),
    ("wandb", "what lies deeper than three dots is joined by `_`", content, {"DEEPEST": 4}),
    ("wandb", "confusion matrices, up to 100 classes", content, {"MOST_CLASSES": 100}),
    ("wandb", "for up to 200 stages", live, {"MOST_STAGES": 200}),
    ("wandb", "`wandb sync` sends them every 30 seconds", log, {"SEND_EVERY": 30}),
    ("wandb", "waits at most 60 seconds (10 after Ctrl-C)", log, {"CLOSE_LIMIT": 60, "HURRIED_LIMIT": 10}),
    ("wandb", "makes its model, 100 characters of it", overview, {"LONGEST_METRIC": 100}),
    ("wandb", "the storage above 64 MB", overview, {"MOST_BYTES": 64 * 2**20}),
    ("verdicts", "more than a tenth of the gradients are zero", model, {"ZERO_SHARE": 0.1}),
    ("verdicts", "more than 2 % of the examples are answered otherwise", model, {"REMEMBERED_SHARE": 0.02}),
    ("verdicts", "for fewer than about nine images of ten", behaviour, {"MISSED_SHARE": 0.1}),
    ("verdicts", "more than a fifth had a loss that was never above its start", path, {"DEAD_SHARE": 0.2}),
    ("verdicts", "more than half of them, after eight steps or more", path, {"FOOLED_SHARE": 0.5, "WALKING_STEPS": 8}),
    ("verdicts", "more than 1 % of the images would be fooled", path, {"LEAST_SHARE": 0.01}),
    ("verdicts", "of eight robust images or more, every restart ends", path, {"LEAST_RESTARTED": 8}),
    ("verdicts", "not even half of the images on the model that they were made against", path, {"REACHED_SHARE": 0.5}),
    ("verdicts", "by two images and a hundredth of all or more", adaptive, {"LEAST_IMAGES": 2}),
)  # fmt: skip


@pytest.mark.parametrize(("document", "words", "module", "figures"), FIGURES)
def test_a_figure_of_a_document_is_that_of_the_code(
    document: str, words: str, module: ModuleType, figures: Mapping[str, Any]
) -> None:
    assert words in (ROOT / f"docs/{document}.md").read_text()
    assert {name: getattr(module, name) for name in figures} == figures


def test_as_many_trials_have_runs_of_their_own_as_the_document_says() -> None:
    assert "`--wandb-runs` trials, 1000 by default" in (ROOT / "docs/wandb.md").read_text()
    assert LaunchOptions("digits").wandb_runs == 1000
