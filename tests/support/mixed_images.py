"""Attacks of one budget on one model that saw different images, small enough to be worked out by hand.

Of the images that A, B and C saw, 0 to 3, one withstands all: 1 of 4, with 3 of them seen rightly. Each wrong rule
gives another rate: A and C on all that they saw 5/8, an image that B has not seen counted as fooled 1/8 or as robust
3/8, the strongest alone 2/4, the smallest of all rates 0/1.
"""

from __future__ import annotations

from typing import Any

from orchestrator.results.image_reader import Robust
from tests.support.rows import row


def _attack(name: str, seen: range, robust: set[int], clean: int) -> tuple[dict[str, Any], Robust]:
    attack = {"name": name, "eps": "8/255", "examples": len(seen)}
    made = row(attack, len(robust), examples=len(seen), clean_correct=clean)
    return made, {place: place in robust for place in seen}


A, SEEN_BY_A = _attack("fgsm", range(8), {0, 1, 2, 3, 4, 5, 6}, 7)
B, SEEN_BY_B = _attack("square", range(4), {1, 3}, 3)
C, SEEN_BY_C = _attack("ifgsm", range(8), {0, 1, 2, 5, 6, 7}, 7)
D, SEEN_BY_D = _attack("pgd", range(1), set(), 1)
"""Less than half as many as A: it is left out."""
IMAGES: dict[str, Robust] = {
    made["attack_key"]: seen for made, seen in ((A, SEEN_BY_A), (B, SEEN_BY_B), (C, SEEN_BY_C), (D, SEEN_BY_D))
}
ROWS = [A, B, C, D]
WORDS = "on 4 images that all of them saw, without pgd on 1"


def read_images(found: dict[str, Any]) -> Robust | None:
    return IMAGES[found["attack_key"]]
