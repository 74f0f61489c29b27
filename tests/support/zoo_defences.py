"""Defences that are known to be broken: each states more robustness than there is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from orchestrator.results.checks.verdict import SUSPICIOUS, UPPER_BOUND
from tests.support.zoo_nets import build_net, step_along_gradient, train_net, trained_net

ZOO_GRID = [("8/255", 1), ("8/255", 10), ("32/255", 1), ("32/255", 10)]
"""An ordinary grid: budget and steps."""


class _Defence(nn.Module):
    """A trick around a sound network of its own."""

    def __init__(self, network: nn.Module | None = None) -> None:
        super().__init__()
        self.network = copy.deepcopy(trained_net() if network is None else network)

    def answer(self, pixels: Tensor) -> Tensor:
        """Logits [N, 10] of the sound network."""
        logits: Tensor = self.network(pixels)
        return logits


class Saturated(_Defence):
    """Logits so large that the softmax has no gradient left."""

    def forward(self, pixels: Tensor) -> Tensor:
        return 1e4 * self.answer(pixels)


class Temperature(_Defence):
    """Defensive distillation (Papernot et al. 2016): trained at a temperature of 100, asked at 1."""

    def forward(self, pixels: Tensor) -> Tensor:
        return 100 * self.answer(pixels)


class Shattered(_Defence):
    """Rounded pixels, with a ripple whose gradient is there and leads nowhere."""

    ripple: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("ripple", torch.randn(64, 10, generator=torch.Generator().manual_seed(1)))

    def forward(self, pixels: Tensor) -> Tensor:
        ripple = torch.sin(1000 * pixels.flatten(1)) @ self.ripple
        return self.answer(torch.round(pixels * 8) / 8) + 0.01 * ripple


class Noisy(_Defence):
    """Noise on the pixels at inference (Liu et al. 2018)."""

    def forward(self, pixels: Tensor) -> Tensor:
        return self.answer(pixels + 0.1 * torch.randn_like(pixels))


class RandomAtTimes(_Defence):
    """One answer of twenty is drawn."""

    def forward(self, pixels: Tensor) -> Tensor:
        drawn = (torch.rand(len(pixels), 1) < 0.05).float()
        return self.answer(pixels) * (1 - 2 * drawn)


class Thermometer(nn.Module):
    """Thermometer encoding (Buckman et al. 2018): a pixel becomes the shades that it exceeds, which has no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.network = build_net(channels=8)

    def forward(self, pixels: Tensor) -> Tensor:
        shades = torch.arange(8).view(1, 8, 1, 1) / 8
        logits: Tensor = self.network((pixels > shades).float())
        return logits


class _KeepLargest(nn.Module):
    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        flat = values.flatten(1)
        least = flat.topk(max(int(self.share * flat.shape[1]), 1), dim=1).values[:, -1]
        return values * (flat >= least[:, None]).view_as(values)


class Ignored(_Defence):
    """JPEG and the like: a transformation without a gradient, behind which nobody has put the identity."""

    def forward(self, pixels: Tensor) -> Tensor:
        return self.answer(torch.round(pixels * 4) / 4)


class Stateful(_Defence):
    """It counts how near an image is to those asked before, and answers a suspect with another class (Chen et al. 2020,
    a detector of black-box attacks)."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Tensor] = []

    def forward(self, pixels: Tensor) -> Tensor:
        logits, flat = self.answer(pixels), pixels.detach().flatten(1)
        near = torch.zeros(len(pixels), dtype=torch.bool)
        for before in self.asked:
            near |= torch.cdist(flat, before, p=torch.inf).amin(1) < 0.2
        self.asked.append(flat.clone())
        return torch.where(near[:, None], logits.roll(1, 1), logits)


class Caching(_Defence):
    """It keeps its answers by what an image looks like when it is made coarse."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[tuple[float, ...], Tensor] = {}

    def forward(self, pixels: Tensor) -> Tensor:
        logits = self.answer(pixels)
        coarse = F.avg_pool2d(pixels.detach(), 4).mul(3).round().flatten(1).tolist()
        kept = [self.answers.setdefault(tuple(key), row.detach()) for key, row in zip(coarse, logits, strict=True)]
        return logits - logits.detach() + torch.stack(kept)


class ClippedGradient(_Defence):
    """A hook in the forward pass lets through only what is small of the gradient."""

    def forward(self, pixels: Tensor) -> Tensor:
        if pixels.requires_grad:
            pixels = pixels * 1
            pixels.register_hook(
                lambda slope: slope * (slope.abs() <= slope.abs().flatten(1).quantile(0.2, dim=1).view(-1, 1, 1, 1))
            )
        return self.answer(pixels)


class Undefined(_Defence):
    """Logits that are no numbers where the image is not one of the data set's own."""

    def forward(self, pixels: Tensor) -> Tensor:
        strange = ((pixels > 0.001) & (pixels < 0.05)).flatten(1).any(1, keepdim=True)  # no shade of a digit
        return self.answer(pixels) / (~strange).float()


class UndefinedGradient(_Defence):
    """Logits are numbers, their gradient is none: the root of zero."""

    def forward(self, pixels: Tensor) -> Tensor:
        return self.answer(pixels) + (pixels * 0).sum((1, 2, 3)).sqrt()[:, None]


class TwoPasses(_Defence):
    """What it says comes from a first pass without a gradient; the gradient is that of another network."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.decoy = build_net()

    def forward(self, pixels: Tensor) -> Tensor:
        with torch.no_grad():
            said = self.answer(pixels)
        decoy: Tensor = self.decoy(pixels)
        return said + decoy - decoy.detach()


class Adapting(_Defence):
    """Test-time adaptation: batch norm takes its statistics from the images that it is asked about."""

    def __init__(self) -> None:
        super().__init__(train_net(build_net("batch")))

    def forward(self, pixels: Tensor) -> Tensor:
        for layer in self.network:  # type: ignore[attr-defined]
            if isinstance(layer, nn.BatchNorm2d):
                layer.train()
        return self.answer(pixels)


class Learning(_Defence):
    """Test-time training: each answer moves a weight towards what was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(10))

    def forward(self, pixels: Tensor) -> Tensor:
        logits = self.answer(pixels) + self.shift
        with torch.no_grad():
            self.shift.add_(0.05 * logits.softmax(1).mean(0))
        return logits


class Probabilities(_Defence):
    """Its answer is a softmax already, of sharpened logits, so that the loss takes a softmax of a softmax."""

    def forward(self, pixels: Tensor) -> Tensor:
        return (40 * self.answer(pixels)).softmax(1)


class Dynamic(_Defence):
    """It takes a step along its own gradient before it answers, towards what it would have said."""

    def forward(self, pixels: Tensor) -> Tensor:
        with torch.enable_grad():
            asked = pixels.detach().requires_grad_(True)
            logits = self.answer(asked)
            (slope,) = torch.autograd.grad(logits.amax(1).sum(), asked)
        return self.answer(pixels + 0.1 * slope.sign())


def _make_thermometer() -> nn.Module:
    torch.manual_seed(0)
    return train_net(Thermometer())


def _make_k_winners() -> nn.Module:
    """k-winners-take-all (Xiao et al. 2020; broken by Tramer et al. 2020)."""
    torch.manual_seed(0)
    return train_net(build_net(activation=lambda: _KeepLargest(0.1)), epochs=12)


def _make_label_leaking() -> nn.Module:
    """Trained on the examples of one large step, which tell it the label (Kurakin et al. 2017)."""
    torch.manual_seed(0)

    def change(model: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
        examples = step_along_gradient(model, pixels, labels, 0.3)
        return torch.where(torch.rand(len(pixels), 1, 1, 1) < 0.5, examples, pixels)

    return train_net(build_net(), epochs=20, change=change)


class Broken(NamedTuple):
    """A defence, and what is said of it."""

    make: Callable[[], nn.Module]
    check: str
    """A check that speaks up; `stage fails`: no number is stated at all."""
    reason: str
    """Regular expression of words that the reason has."""
    verdict: str = SUSPICIOUS
    grid: Sequence[tuple[str, int]] = ZOO_GRID


BROKEN = {
    "saturated logits": Broken(Saturated, "gradients present", "softmax saturates"),
    "temperature": Broken(Temperature, "another loss finds no more", "its loss saturates"),
    "shattered gradients": Broken(Shattered, "erased images unseen", "shattered or masked"),
    "noise at inference": Broken(Noisy, "deterministic", "answers at random"),
    "random at times": Broken(RandomAtTimes, "deterministic", "answers at random"),
    "thermometer encoding": Broken(_make_thermometer, "stage fails", r"the model has none.*encoding.*\(BPDA\)"),
    "k winners take all": Broken(_make_k_winners, "gradient raises the loss", "a loss that is not smooth"),
    "transformation without BPDA": Broken(Ignored, "gradients present", "rounding, or a layer without a backward"),
    "detector by state": Broken(Stateful, "answers from the image alone", "remembers images"),
    "caching": Broken(Caching, "answers from the image alone", "remembers images"),
    "clipped gradient": Broken(ClippedGradient, "erased images unseen", "gradients lead nowhere"),
    "undefined logits": Broken(Undefined, "stage fails", r"logits are NaN or infinite in \d+ of \d+ images"),
    "undefined gradient": Broken(UndefinedGradient, "gradients present", "there are none"),
    "two passes": Broken(TwoPasses, "gradient raises the loss", "not that of the answer"),
    "label leaking": Broken(
        _make_label_leaking, "another loss finds no more", "leaves less", UPPER_BOUND, [("0.3", 1)]
    ),
    "adaptation to the batch": Broken(Adapting, "model stays the same", "adapts at test time"),
    "adaptation of weights": Broken(Learning, "model stays the same", "adapts at test time"),
    "probabilities": Broken(Probabilities, "plain logits", "answers probabilities"),
    "gradient within the model": Broken(Dynamic, "plain logits", "gradients of its own"),
}  # fmt: skip
"""Name -> the defence."""
