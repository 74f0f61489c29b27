"""The values along an axis."""

from __future__ import annotations

from orchestrator.report.analysis.levels import choose_axes, list_levels
from orchestrator.report.analysis.study import Study


def test_levels_ascend_and_nothing_comes_first(made_study: Study) -> None:
    axes = {axis.name: axis for axis in made_study.training_axes}
    assert list_levels(made_study, axes["eps_train"]).texts == ("none", "8/255", "24/255")
    found = list_levels(made_study, axes["lambda"])
    assert found.texts == ("none", "0.5", "0.9")
    for configuration in made_study.configurations:
        value = configuration.values["lambda"]
        assert found.texts[found.by_configuration[configuration.key]] == ("none" if value is None else str(value))


def test_the_axes_that_people_ask_about_first_come_first(made_study: Study) -> None:
    assert [axis.name for axis in choose_axes(made_study)] == ["pruning_ratio", "lambda", "eps_train"]
