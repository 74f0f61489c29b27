"""The trade-off table."""

from __future__ import annotations

from orchestrator.results.tradeoff import render_tradeoff
from tests.support.rows import ifgsm


def test_a_long_table_is_cut_and_says_so() -> None:
    rows = [ifgsm(f"{eps}/255", 10, 400) for eps in range(1, 6)]
    assert len(render_tradeoff(rows, 3).splitlines()) == len(render_tradeoff(rows).splitlines()) - 1
    assert render_tradeoff(rows, 3).endswith("... and 2 more cells")
    assert "more cells" not in render_tradeoff(rows, 5)
