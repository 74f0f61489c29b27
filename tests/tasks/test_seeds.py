"""Random numbers follow from what they are for: stored stages were computed with these."""

from __future__ import annotations

import torch

from tasks.seeds import derive_seed, make_generator


def test_a_purpose_gives_the_seed_that_it_has_always_given() -> None:
    assert derive_seed(3, "train", "order") == 309652477269361843
    assert len({derive_seed(3, "train"), derive_seed("3", "train"), derive_seed("train", 3), derive_seed(3)}) == 4
    assert 0 <= derive_seed("any") < 2**63


def test_a_generator_begins_with_its_seed() -> None:
    drawn = [torch.randint(0, 1000, (3,), generator=make_generator(3, "start", 0, 7)).tolist() for _ in range(2)]
    assert drawn == [[908, 621, 897]] * 2
