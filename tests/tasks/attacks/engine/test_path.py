"""What the path of an attack tells, by hand."""

from __future__ import annotations

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
