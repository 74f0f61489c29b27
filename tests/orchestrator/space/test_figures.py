"""Figures that a space names: every mistake is told before anything starts, and none is part of what is computed."""

from __future__ import annotations

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.space import space as spaces
from orchestrator.space.figures import FigureRequest, find_figure
from tasks.errors import UsageError


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("figures=[1]", "figures.*not a mapping from names to figures"),
        ("figures=[]", "figures.*not a mapping from names to figures"),
        ("figures={map: {kind: heatmap}}", r"figures.map.kind = 'heatmap'.*did you mean 'heat_map'"),
        ("figures={map: {kind: heat_map, wher: {}}}", r"figures.map.wher.*did you mean 'where'"),
        ("figures={map: {where: {}}}", r"figures.map.kind: is missing"),
        ("figures={map: {kind: heat_map, where: {atack: fgsm}}}", r"figures.map.where.atack.*did you mean 'attack'"),
        ("figures={map: {kind: heat_map, rates: [robust]}}", r"figures.map.rates.0.*robust_accuracy"),
        ("figures={map: {kind: images, rates: [robust_accuracy]}}", r"figures.map.rates: images has no rates"),
        ("figures={map: {kind: heat_map, stages: [train]}}", r"figures.map.stages: heat_map has no stages"),
        ("figures={Big Map: {kind: heat_map}}", r"figures.Big Map: not a name of a figure"),
        ("figures={images: {kind: images}}", r"figures.images: is the name of a kind"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        spaces.load("smoke", [override])


def test_figures_change_nothing_that_is_computed() -> None:
    plain, drawn = (make_plan(spaces.load("smoke", more), None) for more in ([], ["figures={map: {kind: heat_map}}"]))
    assert drawn.space.figures == {"map": FigureRequest(kind="heat_map")}
    assert (drawn.sweep_id, drawn.stages.keys()) == (plain.sweep_id, plain.stages.keys())


def test_a_figure_is_found_by_its_name_or_the_beginning_of_it() -> None:
    known = {"confusion_base": FigureRequest(kind="confusion_matrices", where={"seed": 0})}
    assert find_figure(known, "confusion_base") == ("confusion_base", known["confusion_base"])
    assert find_figure({}, "confusion") == ("confusion_matrices", FigureRequest(kind="confusion_matrices"))
    with pytest.raises(KeyError, match=r"write more of the name: confusion_base \(images.*, or confusion_matrices \("):
        find_figure(known, "confusion")
    with pytest.raises(KeyError, match=r"training_curves \(loss .* epochs\), or training_table \(loss .* numbers\)"):
        find_figure({}, "training")
    with pytest.raises(KeyError, match="did you mean 'heat_map'"):
        find_figure(known, "heatmap")
    with pytest.raises(KeyError, match="choose from"):
        find_figure(known, "")
