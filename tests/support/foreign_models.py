"""Networks as other people write them: each does something that reading it as a graph, or folding it, may change."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from tests.support.straight_through import RoundStraightThrough


class _Foreign(nn.Module):
    """Two convolutions with batch norm and a linear layer; a subclass changes one thing."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.second, self.last_norm = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.head = nn.Linear(8 * 16, 5)

    def extract(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.first(x)))
        return F.relu(self.last_norm(self.second(x)))

    def classify(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(F.adaptive_avg_pool2d(x, 4).flatten(1))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.extract(x))


class Plain(_Foreign):
    """Nothing special: this one is folded."""


class StraightThrough(_Foreign):
    def extract(self, x: Tensor) -> Tensor:
        return RoundStraightThrough.apply(super().extract(x), 4)  # type: ignore[no-any-return]


class SharedConvolution(_Foreign):
    """One convolution used three times, with a batch norm of its own each time."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(3))

    def extract(self, x: Tensor) -> Tensor:
        x = super().extract(x)
        for norm in self.norms:
            x = F.relu(norm(self.second(x)))
        return x


class LoopOverLength(_Foreign):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.classify(self.extract(x[place : place + 1]))[0] for place in range(x.shape[0])])


class LengthInNumbers(_Foreign):
    def forward(self, x: Tensor) -> Tensor:
        offset = torch.zeros(x.shape[0], 5, device=x.device)
        return super().forward(x) + offset * len(x)


class BranchOnValues(_Foreign):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if float(x.detach().mean()) > -100 else super().forward(-x)


class FunctionalWeights(_Foreign):
    """Calls functions with the weights of its layers."""

    def extract(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.first.weight, self.first.bias, padding=1)
        x = F.batch_norm(x, self.norm.running_mean, self.norm.running_var, self.norm.weight, self.norm.bias)
        return F.relu(self.last_norm(self.second(F.relu(x))))

    def classify(self, x: Tensor) -> Tensor:
        return F.linear(F.adaptive_avg_pool2d(x, 4).flatten(1), self.head.weight, self.head.bias)


class GroupAndLayerNorm(_Foreign):
    def __init__(self) -> None:
        super().__init__()
        self.groups, self.layer = nn.GroupNorm(2, 8), nn.LayerNorm(8 * 16)

    def classify(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.layer(F.adaptive_avg_pool2d(self.groups(x), 4).flatten(1)))
        return out


class Hooked(_Foreign):
    """A hook on a convolution that is folded, and one on the linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.second.register_forward_hook(lambda layer, given, out: out * 1.5)  # noqa: ARG005
        self.head.register_forward_hook(lambda layer, given, out: out.flip(1))  # noqa: ARG005


class Parametrized(_Foreign):
    def __init__(self) -> None:
        super().__init__()
        parametrizations.weight_norm(self.second)
        parametrizations.orthogonal(self.head)


class TiedWeights(_Foreign):
    """The second convolution has the weights of the third, whose batch norm is another."""

    def __init__(self) -> None:
        super().__init__()
        self.third, self.third_norm = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.third.weight = self.second.weight

    def extract(self, x: Tensor) -> Tensor:
        return F.relu(self.third_norm(self.third(super().extract(x))))


class WithDropout(_Foreign):
    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout2d(0.5)

    def extract(self, x: Tensor) -> Tensor:
        out: Tensor = self.dropout(super().extract(x))
        return out


class KeywordCalls(_Foreign):
    def extract(self, x: Tensor) -> Tensor:
        return F.relu(self.last_norm(input=self.second(input=F.relu(self.norm(input=self.first(input=x))))))


class NormBeforeConvolution(_Foreign):
    """Pre-activation: no batch norm stands behind a convolution that it could be folded into but the first."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.last_norm = nn.BatchNorm2d(3), nn.BatchNorm2d(8)

    def extract(self, x: Tensor) -> Tensor:
        x = self.first(F.relu(self.norm(x)))
        out: Tensor = self.second(F.relu(self.last_norm(x)))
        return out


FOREIGN = (
    Plain, StraightThrough, SharedConvolution, LoopOverLength, LengthInNumbers, BranchOnValues, FunctionalWeights,
    GroupAndLayerNorm, Hooked, Parametrized, TiedWeights, WithDropout, KeywordCalls, NormBeforeConvolution,
)  # fmt: skip


def build_foreign(style: type[nn.Module]) -> nn.Module:
    """The network with statistics of batch norm that are not those it starts with."""
    torch.manual_seed(0)
    network = style().train()
    for _ in range(3):
        network(torch.rand(16, 3, 12, 12) * 2 - 1)
    return network.eval()
