"""What an importance of filters promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from tasks.contracts.contract import Finding, expect, try_promises
from tasks.pruning.layers import Evidence, Layer, takes_layer
from tasks.pruning.registry import IMPORTANCES
from tasks.seeds import make_generator

SHAPES = ((8, 4, 3, 3), (6, 1, 1, 1), (5, 3, 7, 7))
"""Weights of convolutions: filters, channels, height, width."""


@dataclass(frozen=True)
class ImportanceSubject:
    """An importance, and weights to be scored."""

    score: Callable[[Tensor, torch.Generator], Tensor]
    """What the part computes, with what else it asks for of the layer made up."""
    weights: tuple[Tensor, ...]
    """float [filters, channels, height, width] each."""

    def score_weight(self, weight: Tensor) -> Tensor:
        """The scores of the filters [filters, ...], with the same random numbers every time."""
        return self.score(weight.clone(), make_generator("contract"))


def check_importance(name: str) -> list[Finding]:
    """Try an importance on random weights of three shapes."""

    def prepare() -> ImportanceSubject:
        draw = make_generator("weights")
        score = IMPORTANCES.load(name)
        if takes_layer(name):
            score = partial(_score_made_up_layer, score)
        return ImportanceSubject(score, tuple(torch.randn(shape, generator=draw) for shape in SHAPES))

    return try_promises("importance", name, prepare, CHECKS)


def _score_made_up_layer(score: Callable[..., Tensor], weight: Tensor, draw: torch.Generator) -> Tensor:
    """Scores of a layer whose gradient, batch norm and learned scores are drawn."""
    numbers, filters = make_generator("layer"), len(weight)
    norm = nn.BatchNorm2d(filters)
    nn.init.uniform_(norm.weight, generator=numbers)
    gradient, learned = torch.randn(weight.shape, generator=numbers), torch.randn(filters, generator=numbers)
    evidence = Evidence(lambda: {"layer": gradient}, {"layer": learned})
    return score(weight, draw, Layer("layer", "filters", norm, evidence))


def check_scores_are_one_for_each_filter(subject: ImportanceSubject) -> None:
    for weight in subject.weights:
        scores: object = subject.score_weight(weight)
        expect(isinstance(scores, Tensor), f"returns {type(scores).__name__}, not scores")
        assert isinstance(scores, Tensor)
        wanted = [len(weight)]
        expect(list(scores.shape) == wanted, f"returns {list(scores.shape)} for {list(weight.shape)}, not {wanted}")
        expect(not scores.is_complex(), "scores cannot be ordered: they are complex")


def check_scores_are_finite(subject: ImportanceSubject) -> None:
    for weight in subject.weights:
        for shown, given in ((list(weight.shape), weight), ("weights of zero", torch.zeros_like(weight))):
            expect(bool(subject.score_weight(given).isfinite().all()), f"NaN or infinite scores for {shown}")


def check_scores_order_the_filters(subject: ImportanceSubject) -> None:
    weight = subject.weights[0]
    expect(len(subject.score_weight(weight).unique()) > 1, "all filters get the same score: their place would decide")


def check_scores_follow_from_the_random_numbers(subject: ImportanceSubject) -> None:
    for weight in subject.weights:
        torch.manual_seed(11)
        first = subject.score_weight(weight)
        torch.manual_seed(12)
        same = torch.equal(first.nan_to_num(), subject.score_weight(weight).nan_to_num())
        expect(same, "other scores come each time: draw from the generator that it is given")


def check_weights_are_left_as_they_are(subject: ImportanceSubject) -> None:
    for weight in subject.weights:
        given = weight.clone()
        subject.score(given, make_generator("contract"))
        expect(torch.equal(given, weight), "it changes the weight that it scores")


CHECKS = (
    check_scores_are_one_for_each_filter,
    check_scores_are_finite,
    check_scores_order_the_filters,
    check_scores_follow_from_the_random_numbers,
    check_weights_are_left_as_they_are,
)
