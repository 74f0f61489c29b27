"""A ratio that grows: the cubic of its paper, exact at each update, and held."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.settings import ModelSettings
from tasks.pruning.filters import Mask, mark_units
from tasks.pruning.selection import Marks
from tasks.training.sparsity.gradual import Choose, GradualPruning, compute_ratio, count_updates
from tasks.training.sparsity.settings import TrainedPruneSettings

TRAINING = {"epochs": 1, "optimizer": {"name": "sgd"}}


def asked(**fields: object) -> TrainedPruneSettings:
    content = {"ratio": 0.8, "schedule": "cubic", "unit": "weights", "training": TRAINING, "updates": 4, "ramp": 0.5}
    return TrainedPruneSettings.model_validate(content | fields)


def network() -> NormalizedModel:
    torch.manual_seed(0)
    return build_model(Description.of(ModelSettings(name="resnet8"), channels=1, classes=10))


def choose_in(model: NormalizedModel) -> Choose:
    def choose(now: TrainedPruneSettings, held: Mapping[str, Tensor]) -> Marks:
        return mark_units(model, now, torch.Generator(), held=held)

    return choose


def test_the_ratio_is_the_cubic_of_the_paper() -> None:
    """s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n dt))^3 with s_i and t_0 zero."""
    settings = asked()
    found = [compute_ratio(settings, number) for number in range(5)]
    assert found == pytest.approx([0.8 + (0 - 0.8) * (1 - number / 4) ** 3 for number in range(5)])
    assert [count_updates(settings, step, 16) for step in range(12)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4]
    assert count_updates(settings, 1, 1) == 4, "in a training that is too short the whole ratio comes at once"


@pytest.mark.parametrize("unit", ["weights", "filters"])
def test_each_update_prunes_its_share_and_what_is_pruned_stays_so(unit: str) -> None:
    model, settings = network(), asked(unit=unit)
    pruning = GradualPruning(model, settings, 16, choose_in(model), Mask.of(model, {}))
    pruning.hold(0)
    before = pruning.mark_zeros()
    for step in range(1, 17):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.05)  # what an optimizer does to pruned weights too
        if step == 9:  # from a checkpoint, which is written after what is pruned was set to zero
            pruning.clear(dict(model.named_parameters()))
            pruning = GradualPruning(model, settings, 16, choose_in(model), Mask.of(model, {}))
            pruning.hold(8)
        pruning.hold(step)
        now, ratio = pruning.mark_zeros(), compute_ratio(settings, count_updates(settings, step, 16))
        assert {n: int(m.sum()) for n, m in now.items()} == {n: round(ratio * m.numel()) for n, m in now.items()}
        assert all(bool((~before[name] | now[name]).all()) for name in now)
        before = now
    if unit == "filters":
        norm = model.network.get_submodule("layer2.bn1")
        assert not norm.get_parameter("bias")[before["layer2.conv1"]].any()


def test_filters_that_are_not_held_with_their_batch_norm_stay_pruned_whatever_its_scale_becomes() -> None:
    model, settings = network(), asked(unit="filters", importance="bn_scale", mode="once")
    pruning = GradualPruning(model, settings, 16, choose_in(model), Mask.of(model, {}))
    before = pruning.mark_zeros()
    for step in range(17):
        with torch.no_grad():
            for part in model.modules():
                if isinstance(part, torch.nn.BatchNorm2d):
                    part.weight.copy_(torch.rand_like(part.weight))  # another order of filters at each step
        pruning.hold(step)
        now, ratio = pruning.mark_zeros(), compute_ratio(settings, count_updates(settings, step, 16))
        assert {n: int(m.sum()) for n, m in now.items()} == {n: round(ratio * m.numel()) for n, m in now.items()}
        assert all(bool((~before[name] | now[name]).all()) for name in now)
        before = now
