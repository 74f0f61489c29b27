"""The trade-off table."""

from __future__ import annotations

from orchestrator.results.checks.verdict import OK, SUSPICIOUS
from orchestrator.results.tradeoff import group_cells, render_tradeoff
from tests.support.rows import ifgsm


def test_a_long_table_is_cut_and_says_so() -> None:
    rows = [ifgsm(f"{eps}/255", 10, 400) for eps in range(1, 6)]
    assert len(render_tradeoff(rows, 3).splitlines()) == len(render_tradeoff(rows).splitlines()) - 1
    assert render_tradeoff(rows, 3).endswith("... and 2 more cells")
    assert "more cells" not in render_tradeoff(rows, 5)


def test_a_cell_is_all_seeds_of_a_configuration_with_the_worst_of_their_verdicts() -> None:
    first = ifgsm("8/255", 10, 400) | {"verdict": OK}
    second = ifgsm("8/255", 10, 300, examples=600, clean_correct=480) | {
        "seed": 1, "trial_id": "b" * 16, "replicate_id": first["replicate_id"], "verdict": SUSPICIOUS
    }  # fmt: skip
    failed = first | {"seed": 2, "trial_id": "c" * 16, "status": "failed"}
    (cell,) = group_cells([first, second, failed])
    assert cell.verdict == SUSPICIOUS
    assert cell.clean == (0.95, 0.8)
    assert cell.robust == (0.4, 0.5)
    assert cell.examples == 1600
    assert cell.trials == (first["trial_id"], "b" * 16)
