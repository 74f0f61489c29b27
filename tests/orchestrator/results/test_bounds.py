"""Upper and lower bounds apart."""

from __future__ import annotations

from orchestrator.results.bounds import is_lower_bound, select_attacks, select_certificates
from tests.support.rows import ifgsm, row

ROWS = [ifgsm("8/255", 5, 300), row({"name": "randomized_smoothing", "eps": 0.5, "sigma": 0.25}, 200)]


def test_a_row_of_an_earlier_version_is_of_an_attack() -> None:
    earlier = ROWS[0] | {"bound": None}
    assert [is_lower_bound(each) for each in (*ROWS, earlier)] == [False, True, False]
    assert select_attacks([*ROWS, earlier]) == [ROWS[0], earlier]
    assert select_certificates([*ROWS, earlier]) == [ROWS[1]]
