"""Whether a network takes images of a size, before there is a weight."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.errors import MisfitError, StageError
from tasks.models.build import Description, build_model, sketch_model
from tasks.models.fitting import check_answer, check_side
from tasks.models.registry import ARCHITECTURES, Architecture
from tasks.models.settings import ModelSettings


def describe(name: str) -> Description:
    return Description.of(ModelSettings(name=name), 1, 10)


def ask(name: str, side: int) -> None:
    check_side(sketch_model(describe(name)), describe(name), side)


@pytest.mark.parametrize(("name", "least"), [("vgg16", 32), pytest.param("convnext_tiny", 16, marks=pytest.mark.slow)])
def test_images_that_are_too_small_are_refused_with_the_smallest_that_are_taken(name: str, least: int) -> None:
    with pytest.raises(MisfitError, match=rf"^dataset.image_size = 8: .* too small for {name}: .* {least}x{least}$"):
        ask(name, 8)
    ask(name, least)


class ByValue(nn.Module):
    """Looks at what it is given before it answers: without values it cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        values = images.flatten(1)
        logits: torch.Tensor = self.layer(values if bool(values.isfinite().all()) else values.nan_to_num())
        return logits


def test_a_network_that_decides_by_values_is_asked_with_weights() -> None:
    ARCHITECTURES.add("by_value", Architecture(lambda channels, classes, stem: ByValue()))  # noqa: ARG005
    try:
        ask("by_value", 8)
        with pytest.raises(
            MisfitError, match=r"the model by_value cannot take images of 9x9 pixels and 1 channel: .*mat1"
        ):
            ask("by_value", 9)
    finally:
        ARCHITECTURES.remove("by_value")


def test_a_question_leaves_the_model_and_the_random_numbers_as_they_are() -> None:
    model = build_model(describe("resnet8")).train()
    model.network.eval()
    before, state = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    check_answer(model, (1, 8, 8), "resnet8")
    assert (model.training, model.network.training) == (True, False)
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert torch.get_rng_state().equal(state)
    with pytest.raises(StageError, match="the model resnet8 cannot take images of 8x8 pixels and 2 channels"):
        check_answer(model, (2, 8, 8), "resnet8")
