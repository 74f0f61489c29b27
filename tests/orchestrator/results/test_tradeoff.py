"""The trade-off table."""

from __future__ import annotations

from orchestrator.results.tradeoff import find_best, render_tradeoff
from tests.support.rows import ifgsm


def test_a_long_table_is_cut_and_says_so() -> None:
    rows = [ifgsm(f"{eps}/255", 10, 400) for eps in range(1, 6)]
    assert len(render_tradeoff(rows, 3).splitlines()) == len(render_tradeoff(rows).splitlines()) - 1
    assert render_tradeoff(rows, 3).endswith("... and 2 more cells")
    assert "more cells" not in render_tradeoff(rows, 5)


def test_the_best_is_judged_at_the_strongest_attack() -> None:
    """The largest budget, and of its attacks the one with the most iterations, whatever is best elsewhere."""
    rows = [
        {**ifgsm(f"{eps}/255", steps, robust), "replicate_id": f"{eps} {steps} {robust}"}
        for eps, steps, robust in ((4, 20, 900), (16, 1, 800), (16, 10, 300), (16, 10, 350), (8, 20, 700))
    ]
    best = find_best(rows)
    assert best is not None
    assert best.mean == (0.95, 0.35)
    assert find_best([]) is None
