"""What one step, noise and erasure find beside the attack of a stage, by hand-made images."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tasks.attacks.registry import ATTACKS
from tasks.evaluation.probes import Probes, choose_probe_budget


def bools(text: str) -> torch.Tensor:
    return torch.tensor([letter == "x" for letter in text])


def test_probes_and_attack_are_compared_on_images_that_are_seen_rightly() -> None:
    """Of nine images the last two are wrong before; the attack fools the first two and the last but one."""
    known, step, noise = bools("xxxxxxx.."), bools("x.xxx..xx"), bools("xx.x.....")
    robust = ~bools("xx.....x.")
    asked: list[list[int]] = []

    def walk(places: torch.Tensor) -> torch.Tensor:
        asked.append(places.tolist())
        return places > 3

    found = Probes(True, known, step, noise, 7, 2, bools("x.x"), walk).compare(robust)
    assert asked == [[2, 3, 4, 5, 6]], "another loss is tried on what the attack has left"
    assert found == {
        "probe_images": 7, "step_only": 2, "noise_only": 1, "erased_images": 7, "erased_correct": 2,
        "step_beats_attack": 3, "attack_beats_step": 1, "noise_beats_attack": 1, "attack_beats_noise": 0,
        "raised_images": 3, "raised": 2, "walk_images": 5, "walk_fooled": 3,
    }  # fmt: skip


def test_where_budgets_differ_only_the_probes_are_compared_with_each_other() -> None:
    probes = Probes(False, bools("xx"), bools("x."), bools(".."), 2, 0, bools("x."), lambda places: places > 0)
    found = probes.compare(bools("xx"))
    assert found["walk_images"] is None
    assert (found["step_only"], found["step_beats_attack"], found["attack_beats_noise"]) == (1, None, None)


@pytest.mark.parametrize(
    ("settings", "scale", "expected"),
    [
        ({"name": "pgd", "eps": 0.1}, 1.0, ("linf", 0.1, True)),
        ({"name": "pgd", "norm": "l2", "eps": 2}, 0.25, ("l2", 0.5, True)),
        ({"name": "sparse_l1", "eps": 4}, 1.0, ("linf", 8 / 255, False)),
        ({"name": "deepfool"}, 1.0, ("linf", 8 / 255, False)),
    ],
)
def test_probes_have_the_budget_of_the_attack_or_one_of_their_own(
    settings: dict[str, Any], scale: float, expected: tuple[str, float, bool]
) -> None:
    method = ATTACKS.load(settings["name"]).model_validate(settings)
    assert choose_probe_budget(method, scale) == expected
