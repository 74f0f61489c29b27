"""Defences that are known to be broken are caught by an ordinary grid, and sound models raise no alarm."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from orchestrator.results.checks.verdict import SUSPICIOUS
from orchestrator.results.verdicts import annotate_rows, check_rows
from tasks.errors import StageError
from tests.support.planted_lies import meet_grid
from tests.support.zoo_defences import BROKEN, ZOO_GRID
from tests.support.zoo_sound import SOUND

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_defence_is_caught(name: str) -> None:
    broken = BROKEN[name]
    model = broken.make()
    if broken.check == "stage fails":
        with pytest.raises(StageError, match=broken.reason):
            meet_grid(model, grid=broken.grid)
        return
    rows = meet_grid(model, grid=broken.grid)
    found = [verdict for verdict in check_rows(rows) if verdict.check == broken.check]
    told = [verdict for verdict in found if verdict.verdict == broken.verdict]
    assert told, [(verdict.check, verdict.reason) for verdict in check_rows(rows)]
    assert any(re.search(broken.reason, verdict.reason) for verdict in told), [verdict.reason for verdict in told]
    if broken.verdict == SUSPICIOUS:
        marked = annotate_rows(rows)
        assert {row["verdict"] for row in marked} == {SUSPICIOUS}, "beside every number of the model"
        assert all(row["verdict_reason"] for row in marked)


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_model_raises_no_alarm(name: str) -> None:
    rows: list[dict[str, Any]] = annotate_rows(meet_grid(SOUND[name](), grid=ZOO_GRID))
    alarms = {check for row in rows for check, said in json.loads(row["verdicts"]).items() if said == SUSPICIOUS}
    assert alarms == set(), [row["verdict_reason"] for row in rows]


def test_the_zoo_is_as_large_as_it_should_be() -> None:
    assert min(len(BROKEN), len(SOUND)) >= 12
