"""Networks that take a number beside the image: lambda, the share of adversarial loss that they are to behave by.

Once-for-all adversarial training, Wang et al. 2020 (arXiv 2010.11828): batch norm is there twice, for lambda 0 and for
every other, and behind each stands a FiLM layer (Perez et al. 2018, arXiv 1709.07871), whose scale and shift follow
from lambda. At one lambda this is an ordinary network, which `fold_condition` gives.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from tasks.errors import StageError

DIMENSION = 128
"""Of the code of a lambda, as in the paper."""
CONDITION = "condition"
"""Under this name a network has its `Condition`."""


class Condition(nn.Module):
    """What lambda a network is asked for now.

    Each lambda of training has a code, rows of a random orthogonal matrix; between two of them it is interpolated.
    """

    codes: Tensor
    """float [lambdas, DIMENSION]."""
    values: Tensor
    """`lambdas`, float [lambdas]."""

    def __init__(self, lambdas: Sequence[float], reference: float) -> None:
        """:param lambdas: two or more of [0, 1], ascending.
        :param reference: the lambda that the network answers by where nobody asks for another.
        """
        super().__init__()
        self.lambdas, self.reference = tuple(lambdas), reference
        self.register_buffer("values", torch.tensor(self.lambdas))
        self.register_buffer("codes", nn.init.orthogonal_(torch.empty(len(lambdas), DIMENSION)))
        self._asked: tuple[Tensor, int] | None = None

    def encode(self, weights: Tensor) -> Tensor:
        """Lambdas float [N] in [0, 1] -> codes float [N, DIMENSION]; beyond those of training that of the last one."""
        weights = weights.to(self.values.dtype)
        above = torch.searchsorted(self.values, weights.contiguous()).clamp(1, len(self.values) - 1)
        low, high = self.values[above - 1], self.values[above]
        share = ((weights - low) / (high - low)).clamp(0, 1)[:, None]
        return torch.lerp(self.codes[above - 1], self.codes[above], share)

    def encode_one(self, weight: float) -> Tensor:
        """The same for one lambda, float [1, DIMENSION]."""
        return self.encode(self.values.new_full((1,), weight))

    def forward(self, values: Tensor) -> Tensor:
        """As they are, of any shape [...]: a network that is a sequence of layers has it for its last one."""
        return values

    @contextmanager
    def asking(self, weights: Tensor, clean: int) -> Iterator[None]:
        """While this lasts, the images of a batch have these lambdas, float [N], of which the first `clean` are 0."""
        before, self._asked = self._asked, (self.encode(weights), clean)
        try:
            yield
        finally:
            self._asked = before

    def read(self, images: int) -> tuple[Tensor, int]:
        """Codes float [N or 1, DIMENSION] of a batch, and how many of its images, the first, stand at lambda 0."""
        if self._asked is not None:
            return self._asked
        return self.encode_one(self.reference), images if self.reference == 0 else 0


class ConditionalNorm(nn.Module):
    """Batch norm twice, and a FiLM layer behind it, which is the identity before it is trained."""

    kept: Tensor
    """float [channels]: 0 where the filter before it is pruned, or lambda would bring it back to life."""

    def __init__(self, norm: nn.BatchNorm2d, condition: Condition) -> None:
        """:param norm: the batch norm in the place of which it stands; both begin as it is."""
        super().__init__()
        width = norm.num_features
        self.clean, self.robust = norm, copy.deepcopy(norm)
        self.film = nn.Sequential(nn.Linear(DIMENSION, 2 * width), nn.LeakyReLU(), nn.Linear(2 * width, 2 * width))
        last = cast(nn.Linear, self.film[2])
        nn.init.zeros_(last.weight)
        last.bias.data = torch.cat([torch.ones(width), torch.zeros(width)]).to(last.bias.device)
        self.register_buffer("kept", torch.ones(width))
        self._condition = (condition,)  # not a part of this layer: the network has it once

    def modulate(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift, float [N, channels] each, for codes float [N, DIMENSION]."""
        scale, shift = nn.functional.leaky_relu(self.film(codes)).chunk(2, dim=1)
        return scale * self.kept, shift * self.kept

    def forward(self, values: Tensor) -> Tensor:
        """float [N, channels, H, W] -> the same shape."""
        codes, clean = self._condition[0].read(len(values))
        halves = ((self.clean, values[:clean]), (self.robust, values[clean:]))
        normed = torch.cat([_normalise(norm, part) for norm, part in halves if len(part)])
        scale, shift = self.modulate(codes)
        return normed * scale[..., None, None] + shift[..., None, None]

    def fold(self, condition: Condition, weight: float) -> dict[str, Tensor]:
        """The ordinary batch norm that it is at one lambda: name -> float [channels], and int64 [] of its count."""
        scale, shift = self.modulate(condition.encode_one(weight))
        norm = self.clean if weight == 0 else self.robust
        state = {**norm.state_dict(), "weight": norm.weight * scale[0], "bias": norm.bias * scale[0] + shift[0]}
        return {name: value.detach() for name, value in state.items()}


def _normalise(norm: nn.BatchNorm2d, values: Tensor) -> Tensor:
    """One value of a channel has no variance: running statistics stand in."""
    if norm.training and values.numel() > values.shape[1]:
        return cast(Tensor, norm(values))
    return nn.functional.batch_norm(values, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


def find_norms(network: nn.Module) -> dict[str, nn.BatchNorm2d]:
    """Every batch norm of a network, by its name.

    :raises StageError: it has none, or one that does not scale.
    """
    norms = {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.BatchNorm2d)}
    if not norms or not all(norm.affine and norm.track_running_stats for norm in norms.values()):
        raise StageError("lambda conditions batch norm that scales and keeps statistics, and this network has none")
    return norms


def make_conditional(
    network: nn.Module, lambdas: Sequence[float], reference: float, pruned: Mapping[str, Collection[int]] | None = None
) -> None:
    """Put a conditional norm in the place of every batch norm of a network; it then gives what it gave, at any lambda.

    :param pruned: batch norm -> positions of the channels that are pruned.
    :raises StageError: it has no batch norm, or one that does not scale.
    """
    norms = find_norms(network)
    condition = Condition(lambdas, reference)
    for name, norm in norms.items():
        above, _, own = name.rpartition(".")
        made = ConditionalNorm(norm, condition)
        made.kept[list((pruned or {}).get(name, ()))] = 0
        setattr(network.get_submodule(above), own, made.train(norm.training))
    network.add_module(CONDITION, condition)


def find_condition(network: nn.Module) -> Condition | None:
    """What tells a network its lambda; null: it knows none."""
    return next((module for module in network.modules() if isinstance(module, Condition)), None)


def fold_condition(network: nn.Module, weight: float) -> dict[str, Tensor]:
    """The state of the ordinary network that a conditional one is at one lambda: name, as its builder gives it -> a
    parameter or buffer, such as float [filters, channels, 3, 3].

    :param weight: lambda.
    """
    condition = find_condition(network)
    assert condition is not None, "the network is conditional"
    norms = {name: layer for name, layer in network.named_modules() if isinstance(layer, ConditionalNorm)}
    gone = tuple(f"{name}." for name in (*norms, CONDITION))
    state = {name: value for name, value in network.state_dict().items() if not name.startswith(gone)}
    for name, norm in norms.items():
        state |= {f"{name}.{part}": value for part, value in norm.fold(condition, weight).items()}
    return state
