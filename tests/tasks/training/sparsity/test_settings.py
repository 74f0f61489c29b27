"""What pruning with a loss asks for, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.settings_problems import describe_problems
from tasks.training.sparsity.settings import TrainedPruneSettings

TRAINING = {"epochs": 1, "optimizer": {"name": "sgd"}}
PGD = {"name": "pgd", "eps": 0.1}
AVERAGED = {"name": "standard", "weight_averaging": {"name": "ema"}}
AWP = {"name": "standard", "awp": {}}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"unit": "weights", "mode": "remove"}, "mode: remove takes whole filters"),
        ({"unit": "weights", "importance": "bn_scale"}, "bn_scale tells no weights apart"),
        ({"within": "2:4"}, "within: 2:4 is about weights: give unit: weights"),
        ({"within": "2:4", "unit": "weights", "ratio": 0.4}, "within: 2:4 prunes 0.5: give ratio: that, or 0"),
        ({"within": "1:4", "unit": "weights", "ratio": 0.25}, "within: 1:4 prunes 0.75: give ratio: that, or 0"),
        ({"within": "4:2", "unit": "weights"}, "should be layer, network, or N:M such as 2:4"),
        ({"importance": "hydra"}, "importance: hydra needs `training`"),
        ({"importance": "harp", "training": TRAINING}, "harp learns the ratio of each layer: give within: network"),
        ({"importance": "taylor", "objective": {"name": "oat", "attack": PGD}}, "takes lambda, which is not pruned"),
        ({"schedule": "cubic"}, "schedule: cubic needs `training`"),
        ({"training": TRAINING}, "`training` is for schedule: cubic"),
        ({"schedule": "cubic", "training": {**TRAINING, "epochs": 0}}, "training.epochs: 0 trains nothing"),
        ({"schedule": "cubic", "importance": "hydra", "training": TRAINING}, "choose one of both"),
        ({"schedule": "cubic", "mode": "remove", "training": TRAINING}, "mode: remove is done at once"),
        ({"schedule": "cubic", "unit": "weights", "within": "2:4", "training": TRAINING}, "2:4 has one ratio"),
        ({"schedule": "cubic", "training": {**TRAINING, "keep": "best_accuracy"}}, "choose last"),
        (
            {"importance": "hydra", "mode": "remove", "training": TRAINING},
            "mode: remove takes joined channels together",
        ),
        ({"importance": "hydra", "training": {**TRAINING, "objective": AWP}}, "training.objective.awp moves weights"),
        ({"schedule": "cubic", "training": TRAINING, "objective": AWP}, "write one or the other"),
        ({"importance": "taylor", "objective": AVERAGED}, "taylor takes the gradient of weights that stand still"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field_and_a_choice(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("`", ".")) as caught:
        TrainedPruneSettings.model_validate({"ratio": 0.5, **fields})
    (problem,) = describe_problems(caught.value, TrainedPruneSettings, "prune")
    assert problem.path.removeprefix("prune.").split(".")[0] in TrainedPruneSettings.model_fields


def test_settings_of_earlier_versions_have_the_keys_that_they_had() -> None:
    plain = TrainedPruneSettings(ratio=0.5)
    assert plain.canonical() == {"ratio": 0.5, "scope": "all", "importance": "l1", "mode": "mask"}


def test_what_cannot_matter_is_left_out() -> None:
    def simplify(**fields: object) -> TrainedPruneSettings | None:
        return TrainedPruneSettings.model_validate({"ratio": 0.5, **fields}).simplify()

    assert simplify(objective={"name": "trades", "attack": PGD}, updates=3, ramp=0.5) == simplify()
    assert simplify(importance="taylor", objective={"name": "standard"}) == simplify(importance="taylor")
    assert simplify(importance="l2", unit="weights") == simplify(unit="weights"), "of a single weight they are one"
    assert simplify(importance="l2") != simplify()
    assert simplify(importance="hydra", ratio=0, training=TRAINING) is None
    trained = [simplify(ratio=0, schedule="cubic", training=TRAINING, unit=unit) for unit in ("weights", "filters")]
    assert trained[0] is not None, "the baseline of a grid of ratios is trained as long"
    assert trained[0] == trained[1]


@pytest.mark.parametrize("ratio", [0.75, 0])
def test_the_ratio_of_a_pattern_is_what_it_prunes(ratio: float) -> None:
    found = TrainedPruneSettings.model_validate({"ratio": ratio, "unit": "weights", "within": "1:4"})
    assert (found.ratio, found.within) == (ratio, "1:4")
