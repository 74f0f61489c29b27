"""Networks that take lambda: at each lambda an ordinary network."""

from __future__ import annotations

import contextlib
import copy
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from tasks.errors import StageError
from tasks.models.conditional import find_condition, fold_condition, make_conditional

LAMBDAS = (0.0, 0.4, 1.0)


def make_networks() -> tuple[nn.Sequential, nn.Sequential]:
    """An ordinary network with statistics, and the same made conditional, both in evaluation mode."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3))
    plain.append(nn.Flatten()).append(nn.Linear(48, 3)).double()
    plain(torch.rand(20, 1, 8, 8).double())
    made = copy.deepcopy(plain.eval())
    make_conditional(made, LAMBDAS, 1.0, {"1": [2]})
    return plain, made.double()


def disturb(network: nn.Module) -> None:
    """Stands for a training in which everything has moved."""
    draw = torch.Generator().manual_seed(1)
    means = [value for name, value in network.named_buffers() if name.endswith("running_mean")]
    for value in (*network.parameters(), *means):
        value.data += 0.1 * torch.randn(value.shape, generator=draw, dtype=value.dtype)


def answer(network: nn.Module, pixels: Tensor, weight: float) -> Tensor:
    condition = find_condition(network)
    assert condition is not None
    with condition.asking(torch.full((len(pixels),), weight).double(), len(pixels) if weight == 0 else 0):
        found: Tensor = network(pixels)
    return found


def test_before_it_is_trained_it_answers_as_it_did_at_every_lambda_but_for_what_is_pruned() -> None:
    plain, made = make_networks()
    plain.get_parameter("1.weight").data[2] = plain.get_parameter("1.bias").data[2] = 0
    pixels = torch.rand(5, 1, 8, 8).double()
    for weight in (0.0, 0.3, 1.0):
        torch.testing.assert_close(answer(made, pixels, weight), plain(pixels))
    torch.testing.assert_close(made(pixels), plain(pixels))


def test_at_each_lambda_it_is_an_ordinary_network_whose_pruned_channels_stay_dead() -> None:
    plain, made = make_networks()
    disturb(made)
    pixels, found = torch.rand(5, 1, 8, 8).double(), []
    for weight in (0.0, 0.1, 0.4, 0.7, 1.0):
        plain.load_state_dict(fold_condition(made, weight))
        found.append(answer(made, pixels, weight))
        torch.testing.assert_close(plain(pixels), found[-1])
        assert plain.get_parameter("1.weight")[2] == plain.get_parameter("1.bias")[2] == 0
    assert all((one - other).abs().max() > 1e-3 for one, other in pairwise(found))
    torch.testing.assert_close(answer(made, pixels, 0.0), found[0])
    torch.testing.assert_close(made(pixels), found[-1], msg="the reference again, whatever was asked last")


def test_images_of_a_batch_have_a_lambda_each_and_statistics_of_their_own() -> None:
    _, made = make_networks()
    disturb(made)
    pixels, weights = torch.rand(4, 1, 8, 8).double(), torch.tensor([0.0, 0.0, 0.4, 1.0]).double()
    condition = find_condition(made)
    assert condition is not None
    with condition.asking(weights, 2):
        together = made(pixels)
    alone = [answer(made, image, weight) for image, weight in zip(pixels.split(1), weights.tolist(), strict=True)]
    torch.testing.assert_close(together, torch.cat(alone))
    clean, robust = (made.get_buffer(f"1.{half}.running_mean") for half in ("clean", "robust"))
    before = clean.clone(), robust.clone()
    made.train()
    with condition.asking(weights[2:], 0):
        made(pixels[2:])
    assert torch.equal(clean, before[0])
    assert not torch.equal(robust, before[1])


def test_between_two_lambdas_the_code_is_interpolated() -> None:
    _, made = make_networks()
    condition = find_condition(made)
    assert condition is not None
    codes = condition.encode(torch.tensor([0.0, 0.1, 0.4, 1.0]).double())
    torch.testing.assert_close(codes[1], 0.75 * codes[0] + 0.25 * codes[2])
    rows = codes[[0, 2, 3]]
    torch.testing.assert_close(rows @ rows.T, torch.eye(3).double(), atol=1e-5, rtol=0)


def test_a_network_without_batch_norm_is_refused() -> None:
    with pytest.raises(StageError, match="conditions batch norm"):
        make_conditional(nn.Sequential(nn.Conv2d(1, 2, 3)), LAMBDAS, 1.0)


def test_what_a_batch_was_asked_with_is_put_back_also_after_an_error() -> None:
    """Outside of all questions the network stands at its reference, here lambda 1: no image of a batch at 0."""
    condition = find_condition(make_networks()[1])
    assert condition is not None
    alone, clean = condition.read(5)
    assert (tuple(alone.shape[:1]), clean) == ((1,), 0)
    torch.testing.assert_close(alone, condition.encode_one(1.0))
    with condition.asking(torch.tensor([0.0, 0.4]).double(), 1):
        outer = condition.read(2)
        with contextlib.suppress(ValueError), condition.asking(torch.tensor([1.0]).double(), 0):
            assert condition.read(1)[1] == 0
            raise ValueError("broken off")
        assert condition.read(2) is outer
        assert outer[1] == 1
    torch.testing.assert_close(condition.read(5)[0], alone)
