"""What a search space says about averaging the weights of a model in training."""

from __future__ import annotations

from typing import Annotated, Literal

from tasks.part_names import ByName
from tasks.registry import Registry
from tasks.settings import Number, Settings, keyed


class EmaSettings(Settings):
    """An exponential moving average of the weights and of the statistics of batch norm, after each step.

    The decay of the k-th step, counted from 0, is the smaller of `decay` and (1 + k) / (10 + k), so that the first
    weights are forgotten early, as Gowal et al. 2020 (arXiv 2010.03593) do.
    """

    name: Literal["ema"] = keyed("ema")
    decay: Number = keyed(0.999, ge=0, lt=1)
    """Share of the average that a step keeps."""


class SwaSettings(Settings):
    """Stochastic weight averaging: the mean of the weights at the end of each of the last epochs.

    Izmailov et al. 2018 (arXiv 1803.05407). The statistics of batch norm are those of the mean weights, taken anew from
    the training images, not augmented.
    """

    name: Literal["swa"] = keyed("swa")
    start: Number = keyed(0.75, ge=0, lt=1)
    """Share of the epochs after which averaging starts."""


AVERAGES: Registry[type[Settings]] = Registry(
    "weight average", {"ema": EmaSettings, "swa": SwaSettings}, extensible=False
)
Averaging = Annotated[EmaSettings | SwaSettings, ByName(AVERAGES)]
