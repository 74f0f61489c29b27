"""Places of chosen images where the host knows how many there are: by a mask alone it would wait for the device."""

from __future__ import annotations

from torch import Tensor


def divide_places(chosen: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The places of the images that are not chosen, and of those that are, int64 [N - count] and [count], ascending.

    :param chosen: bool [N].
    :param count: how many are.
    """
    order = chosen.byte().argsort(stable=True)
    return order[: len(order) - count], order[len(order) - count :]


def find_places(chosen: Tensor, count: int) -> Tensor:
    """The places of the images that are chosen, int64 [count], ascending.

    :param chosen: bool [N].
    :param count: how many are.
    """
    return divide_places(chosen, count)[1]
