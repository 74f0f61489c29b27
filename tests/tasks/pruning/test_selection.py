"""Which units go: exact shares, and what a smaller ratio takes a larger one takes too."""

from __future__ import annotations

import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from tasks.pruning.selection import select_least

SHAPES = ((8, 4, 3, 3), (6, 8, 1, 1), (5, 3, 3, 3), (10, 12))


def draw_scores(seed: int, ties: bool) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    found = {str(shape): torch.rand(shape, generator=draw) for shape in SHAPES}
    return {name: (4 * part).round() for name, part in found.items()} if ties else found


RATIOS = st.floats(0, 0.999)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from(["layer", "network"]), RATIOS, RATIOS)
@example(0, False, "network", 0.5, 0.999)
def test_shares_are_exact_and_masks_are_nested(seed: int, ties: bool, within: str, one: float, two: float) -> None:
    scores, (low, high) = draw_scores(seed, ties), sorted((one, two))
    few, many = (select_least(scores, ratio, within) for ratio in (low, high))
    assert all(bool((~few[name] | many[name]).all()) for name in scores)
    total = sum(part.numel() for part in scores.values())
    if within == "layer":
        assert {n: int(m.sum()) for n, m in many.items()} == {n: round(high * s.numel()) for n, s in scores.items()}
    else:
        assert sum(int(mark.sum()) for mark in many.values()) == min(round(high * total), total - len(scores))
        assert not any(bool(mark.all()) for mark in many.values()), "a layer lets nothing through"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["layer", "network"]), RATIOS)
@example(0, "network", 0.994)
def test_nothing_that_stays_matters_less_than_what_goes(seed: int, within: str, ratio: float) -> None:
    """But for the best of each layer of a network, which stays whatever the others are."""
    scores = draw_scores(seed, ties=False)
    marks = select_least(scores, ratio, within)
    pairs = [(scores[n], marks[n]) for n in scores]
    if within == "network":
        others = [s.flatten() < s.max() for s, _ in pairs]
        flat = [(s.flatten()[o], m.flatten()[o]) for (s, m), o in zip(pairs, others, strict=True)]
        pairs = [(torch.cat([s for s, _ in flat]), torch.cat([m for _, m in flat]))]
    for score, mark in pairs:
        assert not mark.any() or mark.all() or score[mark].max() <= score[~mark].min()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([(1, 2), (2, 4), (1, 4)]))
def test_of_m_neighbours_along_the_input_n_are_kept(seed: int, ties: bool, pattern: tuple[int, int]) -> None:
    kept, group = pattern
    scores = draw_scores(seed, ties)
    marks = select_least(scores, 1 - kept / group, f"{kept}:{group}")
    assert marks.keys() == {str(shape) for shape in SHAPES if shape[1] % group == 0}
    for name, mark in marks.items():
        score = scores[name]
        for start in range(0, score.shape[1], group):
            part, gone = score[:, start : start + group], mark[:, start : start + group]
            assert (gone.sum(1) == group - kept).all()
            assert (part.masked_fill(~gone, -1).amax(1) <= part.masked_fill(gone, 9).amin(1)).all()
