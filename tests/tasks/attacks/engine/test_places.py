"""Places of chosen images, in their order."""

from __future__ import annotations

import pytest
import torch

from tasks.attacks.engine.places import divide_places, find_places


@pytest.mark.parametrize(
    ("chosen", "others", "places"),
    [
        ([False, True, True, False, True], [0, 3], [1, 2, 4]),
        ([True, False, False, False], [1, 2, 3], [0]),
        ([True, True], [], [0, 1]),
        ([False, False], [0, 1], []),
        ([], [], []),
    ],
)
def test_places_stand_in_ascending_order(chosen: list[bool], others: list[int], places: list[int]) -> None:
    mask = torch.tensor(chosen, dtype=torch.bool)
    found = divide_places(mask, len(places))
    assert [each.tolist() for each in found] == [others, places]
    assert find_places(mask, len(places)).tolist() == places
