"""Histograms of confidence as they are drawn."""

from __future__ import annotations

import numpy as np

from orchestrator.report.analysis.image_results import ImageResults
from orchestrator.report.analysis.study import Study
from orchestrator.report.figures.confidence import draw_confidence
from tests.support.drawn_marks import read_marks


def test_each_panel_has_the_histograms_of_its_own_model(made_study: Study) -> None:
    zeros = np.zeros(4, np.int64)
    results = [
        ImageResults(configuration, zeros, zeros, zeros, np.array(clean), np.array(adversarial))
        for configuration, clean, adversarial in zip(
            made_study.configurations[:2],
            ([0.91, 0.91, 0.91, 0.31], [0.61] * 4),
            ([0.11, 0.11, 0.51, 0.51], [0.21, 0.71, 0.71, 0.71]),
            strict=True,
        )
    ]
    figure = draw_confidence(made_study, results)
    assert figure is not None
    found = {
        (mark.panel, mark.says["images"], mark.says["from"]): mark.says["share"] for mark in read_marks(figure, "bars")
    }
    assert found == {
        (0, "clean", "90%"): "75.0%", (0, "clean", "30%"): "25.0%",
        (0, "adversarial", "10%"): "50.0%", (0, "adversarial", "50%"): "50.0%",
        (1, "clean", "60%"): "100.0%", (1, "adversarial", "20%"): "25.0%", (1, "adversarial", "70%"): "75.0%",
    }  # fmt: skip
    assert draw_confidence(made_study, []) is None
