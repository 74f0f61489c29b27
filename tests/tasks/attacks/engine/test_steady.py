"""What is asked of a model that is to answer alike for few images and for many."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from tasks.attacks.engine.steady import make_steady


class Watched(nn.Module):
    """Notes how many rows it is given, and gives them back."""

    def __init__(self, seen: list[int]) -> None:
        super().__init__()
        self.seen = seen

    def forward(self, rows: Tensor) -> Tensor:
        self.seen.append(len(rows))
        return rows


def test_a_single_image_is_asked_twice_and_answered_once() -> None:
    images: list[int] = []
    model = make_steady(nn.Sequential(Watched(images), nn.Flatten()))
    assert not model.training
    for count in (1, 2, 3):
        pixels = torch.rand(count, 1, 2, 2)
        assert torch.equal(model(pixels), pixels.flatten(1))
    assert images == [2, 2, 3]


def test_few_rows_are_filled_up_to_eight_and_answered_as_before() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(4, 3)
    body = nn.Sequential(nn.Sequential(nn.Flatten(), linear))
    exchanged = cast(nn.Sequential, make_steady(body).get_submodule("model.0"))[1]
    assert exchanged is not linear
    assert (exchanged.weight, exchanged.bias) == (linear.weight, linear.bias)
    sizes: list[int] = []
    linear.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    for count in (1, 7, 8, 9):
        rows = torch.rand(count, 4)
        torch.testing.assert_close(exchanged(rows), rows @ linear.weight.T + linear.bias)
    assert sizes == [8, 8, 8, 9]
    tokens = torch.rand(2, 5, 4)
    torch.testing.assert_close(exchanged(tokens), tokens @ linear.weight.T + linear.bias)
    assert sizes[-1] == 2, "rows of more than one dimension are left as they are"


def test_a_layer_that_somebody_watches_or_that_is_of_another_kind_stays() -> None:
    class Own(nn.Linear):
        """A layer of somebody's own."""

    before, behind, own = nn.Linear(2, 2), nn.Linear(2, 2), Own(2, 2)
    before.register_forward_pre_hook(lambda *_: None)
    behind.register_forward_hook(lambda *_: None)
    steady = make_steady(nn.Sequential(before, behind, own, nn.Linear(2, 2))).get_submodule("model")
    kinds = [type(layer) for layer in steady.children()]
    assert kinds[:3] == [nn.Linear, nn.Linear, Own]
    assert kinds[3] not in (nn.Linear, Own)
