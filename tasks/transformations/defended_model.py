"""A model behind transformations, as it answers and as an adaptive attack sees it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from tasks.registry import load_object
from tasks.transformations.base import TransformationSettings
from tasks.transformations.draws import Draws
from tasks.transformations.settings import InferenceSettings

JUDGE = "judge"
"""The purpose of the looks that decide."""
LoadImages = Callable[[], Tensor]
"""Training images, float [M, C, H, W] in [0, 1]."""


class _StraightThrough(Function):
    """Backward pass differentiable approximation by the identity: what the image became, with the gradient it had.

    Athalye et al. 2018 (arXiv 1802.00420, section 4.1.2).
    """

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, transformed: Tensor) -> Tensor:  # noqa: ARG004
        return transformed.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return gradient, None


class _TrainingParts:
    """What transformations have made of the training images; copies of a model share it."""

    def __init__(self, training: LoadImages | None, made: Mapping[int, Tensor]) -> None:
        self._training = training
        self.made = dict(made)

    def __deepcopy__(self, memo: dict[int, Any]) -> _TrainingParts:
        return self

    def prepare(self, place: int, make: Callable[[Tensor], Tensor]) -> Tensor:
        """What the transformation at a place makes of them, once; float, of any shape."""
        if place not in self.made:
            assert self._training is not None, "its settings say that it needs training images"
            self.made[place] = make(self._training())
        return self.made[place]


class DefendedModel(nn.Module):
    """Pixels float [N, C, H, W] of [0, 1] -> mean logits float [N, classes] over looks through the transformations.

    Where the answer is a vote, the judge's are log shares of the looks, and an attack's the log of mean probabilities.

    A gradient passes through what has one, and takes the rest for the identity; the mean over looks is the expectation
    over transformations of the same paper (section 4.2).
    """

    def __init__(
        self,
        model: nn.Module,
        settings: InferenceSettings,
        seed: int,
        purpose: str,
        *,
        samples: int,
        training: LoadImages | None = None,
        prepared: Mapping[int, Tensor] = MappingProxyType({}),
    ) -> None:
        """:param purpose: whose random numbers: the judge's are no attack's.
        :param samples: looks, where a transformation draws.
        :param prepared: what transformations have made of the training images already, by their place.
        """
        super().__init__()
        self.model, self.samples = model, samples if settings.is_random else 1
        self._settings, self._purpose = settings, (seed, "transformation", purpose)
        self._training = _TrainingParts(training, prepared)
        self._combine = _average if settings.answer == "mean" else _vote if purpose == JUDGE else _average_probabilities

    @property
    def prepared(self) -> Mapping[int, Tensor]:
        """Place of a transformation -> what it has made of the training images by now, float of any shape [...]."""
        return self._training.made

    def forward(self, pixels: Tensor) -> Tensor:
        """Float [N, C, H, W] in [0, 1] -> logits float [N, classes]."""
        return self._combine([self.model(self._transform(pixels, sample)) for sample in range(self.samples)])

    def _transform(self, pixels: Tensor, sample: int) -> Tensor:
        for place, settings in enumerate(self._settings.transformations):
            draws = Draws(pixels, (self._purpose, sample, place), partial(self._training.prepare, place))
            pixels = apply_transformation(pixels, settings, draws)
        return pixels


def _average(looks: Sequence[Tensor]) -> Tensor:
    total: Tensor = sum(looks[1:], looks[0])
    return total / len(looks)


def _average_probabilities(looks: Sequence[Tensor]) -> Tensor:
    return torch.logsumexp(torch.stack([logits.log_softmax(1) for logits in looks]), 0) - math.log(len(looks))


def _vote(looks: Sequence[Tensor]) -> Tensor:
    """Log shares, as if each class had said 1 / classes of a look more: none of them is infinite."""
    classes = looks[0].shape[1]
    said = [torch.zeros_like(logits).scatter(1, logits.argmax(1, keepdim=True), 1.0) for logits in looks]
    votes = torch.stack(said).sum(0)
    return ((votes + 1 / classes) / (len(looks) + 1)).log()


def apply_transformation(pixels: Tensor, settings: TransformationSettings, draws: Draws) -> Tensor:
    """What the images [N, C, H, W] become, with a gradient."""
    function = type(settings).transform
    transform = load_object(function) if isinstance(function, str) else function
    if settings.differentiable:
        passed: Tensor = transform(pixels, settings, draws)
        return passed
    through: Tensor = _StraightThrough.apply(pixels, transform(pixels.detach(), settings, draws))
    return through
