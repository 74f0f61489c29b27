"""Confusion matrices as they are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from orchestrator.report.analysis.image_results import ImageResults
from orchestrator.report.analysis.study import Study
from orchestrator.report.figures.confusion_matrices import MOST_CLASSES, draw_confusion_matrices
from tests.support.drawn_marks import read_marks, read_numbers


def make_results(study: Study, label: list[int], clean: list[int], adversarial: list[int]) -> ImageResults:
    ones = np.ones(len(label))
    return ImageResults(study.configurations[0], np.array(label), np.array(clean), np.array(adversarial), ones, ones)


def test_true_classes_go_down_and_predicted_ones_across(made_study: Study) -> None:
    """Class b is taken for c three times after the attack, never the other way."""
    result = make_results(made_study, [0, 1, 1, 1, 2], [0, 1, 1, 1, 2], [0, 2, 2, 2, 2])
    figure = draw_confusion_matrices(made_study, [result], ["a", "b", "c"])
    assert figure is not None
    assert [panel.title.split(":")[0] for panel in figure.panels] == ["clean images", "adversarial images"]
    marks = [mark for mark in read_marks(figure, "cells") if mark.panel == 1]
    (wrong,) = [mark for mark in marks if mark.says["images"] == "3"]
    assert (wrong.says["true class"], wrong.says["predicted class"]) == ("b", "c")
    assert wrong.says["of the true class"] == "100.0%"
    right = {mark.says["true class"]: mark.item for mark in marks if mark is not wrong}
    assert wrong.item["x"] == right["c"]["x"] > right["a"]["x"], "across: the predicted class"
    assert right["a"]["y"] < wrong.item["y"] < right["c"]["y"], "down: the true class"
    assert sorted(read_numbers(figure, 1)) == ["1", "1", "3"]
    assert sorted(read_numbers(figure, 0)) == ["1", "1", "3"]


def test_a_large_matrix_has_no_numbers(made_study: Study) -> None:
    label = list(range(MOST_CLASSES + 1))
    figure = draw_confusion_matrices(
        made_study, [make_results(made_study, label, label, label)], [str(n) for n in label]
    )
    assert figure is not None
    assert len(read_marks(figure, "cells")) == 2 * len(label)
    assert read_numbers(figure) == []


def test_clean_images_stand_once_before_the_attacks_on_their_model(made_study: Study) -> None:
    results = [
        replace(
            make_results(made_study, [0, 1], [0, 1], [1, 1]),
            configuration=made_study.configurations[model],
            attack=attack,
        )
        for model, attack in ((0, "weak"), (0, "strong"), (1, "weak"), (1, "strong"))
    ]
    figure = draw_confusion_matrices(made_study, results, ["a", "b"])
    assert figure is not None
    names = [made_study.configurations[model].label for model in (0, 1)]
    assert [panel.title for panel in figure.panels] == [
        f"{images}: {name}" for name in names for images in ("clean images", "weak", "strong")
    ]
    assert figure.columns == 3


def test_no_images_no_figure(made_study: Study) -> None:
    assert draw_confusion_matrices(made_study, [], ["a"]) is None
