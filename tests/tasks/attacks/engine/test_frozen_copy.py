"""A copy of a model shares nothing with it that either may change, and holds together as the model does."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Self

from tasks.attacks.engine.frozen_copy import copy_frozen, copy_unseen
from tests.support.attack_models import network

IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Tangled(nn.Module):
    """Layers and tensors that are held in more than one place, and a memory of what was seen."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)
        self.again = self.first
        self.second.weight = self.first.weight
        self.register_buffer("scale", torch.ones(1, 3, 1, 1))
        self.seen: list[Tensor] = []
        self.options: dict[str, Any] = {"layer": self.second, "owner": self}
        self.first.register_forward_hook(self.remember)

    def remember(self, _layer: nn.Module, _asked: Any, answer: Tensor) -> None:
        self.seen.append(answer.detach())

    def forward(self, pixels: Tensor) -> Tensor:
        answer: Tensor = self.again(pixels) + self.options["layer"](pixels) * self.scale
        return answer


class Particular(nn.Module):
    """A module that says itself how it is copied."""

    def __init__(self, copies: int = 0) -> None:
        super().__init__()
        self.copies = copies

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)(self.copies + 1)


def test_a_copy_answers_as_the_model_does_and_takes_no_gradient_of_its_weights() -> None:
    model = network()
    copied = copy_frozen(model.train())
    assert not any(module.training for module in copied.modules())
    assert not any(weight.requires_grad for weight in copied.parameters())
    assert all(weight.requires_grad for weight in model.parameters())
    assert model.training
    assert copied.state_dict().keys() == model.state_dict().keys()
    images = torch.rand(4, *_image_shape(model), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(copied(images), model.eval()(images))


def _image_shape(model: nn.Module) -> tuple[int, int, int]:
    channels = next(layer.in_channels for layer in model.modules() if isinstance(layer, nn.Conv2d))
    return channels, 16, 16


def test_what_is_done_to_a_copy_or_to_the_model_the_other_knows_nothing_of() -> None:
    model = Tangled()
    copied = copy_frozen(model)
    assert isinstance(copied, Tangled)
    with torch.no_grad():
        before = copied(IMAGES)
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.zero_()
        assert torch.equal(copied(IMAGES), before)
    assert len(copied.seen) == 2
    assert not model.seen
    copied.register_forward_pre_hook(lambda *_: None)
    assert not model._forward_pre_hooks


def test_what_the_model_holds_twice_the_copy_holds_twice() -> None:
    for make in (copy_frozen, copy_unseen, copy.deepcopy):
        copied: Any = make(Tangled())
        assert copied.again is copied.first
        assert copied.second.weight is copied.first.weight
        assert copied.options == {"layer": copied.second, "owner": copied}


def test_an_unseen_copy_shares_the_weights_and_no_memory() -> None:
    model = Tangled()
    copied: Any = copy_unseen(model)
    assert copied.first.weight is model.first.weight
    copied(IMAGES)
    assert (len(copied.seen), len(model.seen)) == (1, 0)


def test_a_module_that_says_how_it_is_copied_is_copied_so() -> None:
    copied: Any = copy_frozen(nn.Sequential(Particular(), nn.ReLU()))
    assert copied[0].copies == 1


class Watchful(nn.Conv2d):
    """A layer that notes the mode that it is put in."""

    def train(self, mode: bool = True) -> Self:
        self.told = mode
        return super().train(mode)


def test_a_copy_is_as_torch_would_put_it_where_nobody_or_a_layer_of_its_own_has_a_say() -> None:
    for layer in (nn.Conv2d(3, 3, 3), Watchful(3, 3, 3)):
        model = nn.Sequential(layer, nn.BatchNorm2d(3), nn.Flatten())
        model.register_buffer("filters", torch.rand(2, 3, 4, 4))
        copied, expected = copy_frozen(model), copy.deepcopy(model)
        expected.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        assert getattr(copied[0], "told", False) is False  # type: ignore[index]
        assert [part.training for part in copied.modules()] == [False] * 4
        for ours, theirs in zip(copied.state_dict().values(), expected.state_dict().values(), strict=True):
            assert torch.equal(ours, theirs)
            assert ours.stride() == theirs.stride()
        assert not any(weight.requires_grad for weight in copied.parameters())
