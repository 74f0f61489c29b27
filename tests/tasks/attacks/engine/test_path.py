"""What the path of an attack tells, by hand."""

from __future__ import annotations

import pytest
import torch

from tasks.attacks.engine.path import AttackPath


def test_paths_are_counted_by_how_they_went() -> None:
    """Margins of four images over four steps: fooled on the way, never moved, fell, and rising towards zero."""
    margins = [[-1.0, -2.0, -1.0, -4.0], [0.5, -2.0, -2.0, -3.0], [-1.0, -2.0, -3.0, -2.0], [-1.0, -2.0, -3.0, -1.0]]
    path = AttackPath(5)
    for step in margins:
        logits = torch.tensor([[-margin, 0.0] for margin in step])
        path.note(torch.tensor([0, 1, 3, 4]), logits, torch.zeros(4, dtype=torch.int64), None)
    robust = torch.ones(5, dtype=torch.bool)
    found = path.count(robust, 4)
    expected = {"path_images": 4, "silent": 1, "stuck": 1, "backwards": 2, "unfinished": 1, "fooled_on_path": 1}
    assert found == expected
    assert path.count(~robust, 4) == dict.fromkeys(expected, 0) | {"fooled_on_path": 1}
    assert path.count(robust, 3)["path_images"] == 0, "three steps are too few to tell"
    assert path.count(robust, 9)["path_images"] == 0, "the run was over before, so nobody was robust"
    assert AttackPath(2).count(robust[:2], 10) == dict.fromkeys(expected, 0), "an attack that notes nothing"


def make_path(margins: list[list[float]]) -> AttackPath:
    """The path of an attack on all images of a batch.

    :param margins: of each image, step by step.
    """
    path = AttackPath(len(margins))
    places, labels = torch.arange(len(margins)), torch.ones(len(margins), dtype=torch.int64)
    for step in zip(*margins, strict=True):
        path.note(places, torch.tensor([[margin, 0.0] for margin in step]), labels, None)
    return path


@pytest.mark.parametrize(
    ("margins", "says"),
    [
        ([-5.0, -4.0, -3.0, -2.0, -1.0], {"unfinished": 1}),
        ([-5.0, -4.0, -3.0, -2.5, -2.0], {}),
        ([-3.0, -2.0, -2.0, -2.0, -1.0], {}),
        ([-9.0, -9.0, -1.0, -1.0, -1.0], {}),
        ([-9.0, -1.5, -4.0, -3.0, -1.0], {}),
        ([-2.0, -1.0, 0.0, -1.0, -2.0], {}),
        ([-2.0, -2.0, -3.0, -2.0, -2.0], {"backwards": 1}),
        ([-2.0, -2.0, -2.0, -2.0, -2.0], {"backwards": 1, "stuck": 1}),
        ([-2.0, -2.0, -2.0, -2.0, -1.9], {}),
        ([1.0, 0.5, -1.0, -1.0, -1.0], {"backwards": 1, "silent": 1, "fooled_on_path": 1}),
    ],
)
def test_what_is_still_rising_would_be_fooled_by_as_many_steps_again(
    margins: list[float], says: dict[str, int]
) -> None:
    """By its rise from the third of five steps to the fifth, of the best so far; to zero itself is not enough."""
    found = make_path([margins]).count(torch.ones(1, dtype=torch.bool), 5)
    names = ("silent", "stuck", "backwards", "unfinished", "fooled_on_path")
    assert found == {"path_images": 1, **dict.fromkeys(names, 0), **says}


def test_toward_a_target_an_image_is_fooled_where_the_model_says_it() -> None:
    path = AttackPath(2)
    logits = torch.tensor([[3.0, 1.0, 2.0], [1.0, 3.0, 2.0]])
    for _ in range(4):
        path.note(torch.arange(2), logits, torch.tensor([2, 2]), torch.tensor([1, 1]))
    assert path.count(torch.ones(2, dtype=torch.bool), 4)["fooled_on_path"] == 1


def test_of_several_restarts_the_last_one_counts() -> None:
    path = AttackPath(5)
    assert path.count_restarts() == {"restart_images": 0, "restart_found": 0, "restart_repeated": 0}
    for found, repeated in (([1, 1, 1, 0, 0], [0, 0, 0, 0, 1]), ([1, 0, 0, 0], [0, 1, 1, 0])):
        path.note_restart(torch.tensor(found).bool(), torch.tensor(repeated).bool())
    assert path.count_restarts() == {"restart_images": 4, "restart_found": 1, "restart_repeated": 2}
