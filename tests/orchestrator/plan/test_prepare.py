"""What a storage has of a plan, checked, and what is missing."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from orchestrator.plan import prepare
from orchestrator.plan.plan import Plan
from orchestrator.plan.prepare import PreparedSweep, prepare_sweep
from orchestrator.plan.summary import collect_plan_facts, format_plan
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UnreadableError
from tests.support.finished_sweep import finish

FEW = ("adversarial_finetune=null", "prune=null")
"""Two trials that share a model."""


@pytest.fixture
def finished(space_file: Path, tmp_path: Path) -> tuple[Plan, SweepStore]:
    return finish(space_file, tmp_path / "storage", FEW)


def prepared(plan: Plan, sweep: SweepStore, *, fresh: bool = False) -> tuple[PreparedSweep, str]:
    said = io.StringIO()
    return prepare_sweep(plan, sweep.storage, Console(file=said, width=300), fresh=fresh), said.getvalue()


@pytest.mark.slow
def test_a_finished_sweep_has_nothing_to_do_unless_it_is_to_be_fresh(finished: tuple[Plan, SweepStore]) -> None:
    found, said = prepared(*finished)
    assert (found.complete, list(found.jobs), said) == (True, [], "")
    assert found.finished.keys() == {trial.trial_id for trial in finished[0].trials}
    assert found.speeds.known
    again, _ = prepared(*finished, fresh=True)
    assert (again.complete, len(again.jobs), dict(again.finished)) == (False, 2, {})


def test_a_damaged_artifact_is_named_and_its_trials_are_open_again(finished: tuple[Plan, SweepStore]) -> None:
    plan, sweep = finished
    attack = plan.trials[0].chain[-1].key
    sweep.storage.write(f"stages/{attack}/examples.parquet", b"changed")
    found, said = prepared(plan, sweep)
    assert f"stage {attack[:12]}: examples.parquet has 7 bytes instead of" in said
    assert [stage.key for job in found.jobs for stage in job.stages] == [attack]
    assert found.finished.keys() == {plan.trials[1].trial_id}


def test_the_figures_of_a_plan_say_what_is_stored_and_how_long_the_rest_takes(
    finished: tuple[Plan, SweepStore],
) -> None:
    plan, sweep = finished
    facts = collect_plan_facts(plan, sweep.storage, slots=2)
    assert facts["stages"]["attack"] | {"runs": 0} == {"in_trials": 2, "distinct": 2, "in_store": 2, "runs": 0}
    assert facts["shared"] == pytest.approx(1 / 4)
    assert facts["seconds"] == 0
    sweep.storage.remove(f"stages/{plan.trials[0].chain[-1].key}")
    facts = collect_plan_facts(plan, sweep.storage, slots=2)
    assert facts["critical_path_seconds"] == facts["seconds"] > 0
    assert "estimated time on 2 slots" in format_plan(facts)[-1]


def test_rows_that_a_killed_driver_left_unjudged_are_judged_once(finished: tuple[Plan, SweepStore]) -> None:
    plan, sweep = finished
    sweep.write_rows([{**row, "verdict": None, "verdicts": None} for row in sweep.rows()])
    prepared(plan, sweep)[0].write_missing_verdicts()
    assert {row["verdict"] for row in sweep.rows()} <= {"ok", "upper bound", "suspicious", "not tested"}
    written = len(sweep.row_table())
    prepared(plan, sweep)[0].write_missing_verdicts()
    assert len(sweep.row_table()) == written


@pytest.mark.parametrize(
    ("needed", "fresh", "barred"), [("", False, 0), ("a", False, 1), ("c", False, 0), ("", True, 2), ("ba", False, 2)]
)
def test_a_stage_that_may_not_be_read_is_named_and_ends_a_launch_that_needs_it(
    needed: str, fresh: bool, barred: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stages a and b may not be read; a fresh launch would write over every stage of its plan."""
    plan: Any = SimpleNamespace(stages=dict.fromkeys("abc"), needed=lambda _: [SimpleNamespace(key=k) for k in needed])
    errors = {key: UnreadableError(f"stages/{key}: may not be read") for key in "ab"}
    checked: Any = SimpleNamespace(whole={}, unreadable=errors)
    told = list[Exception]()
    monkeypatch.setattr(prepare, "note_passed_over", told.append)
    if barred:
        with pytest.raises(UnreadableError, match=rf"may not be read; so it is with {barred} stages that this sweep"):
            prepare._check_readable(plan, checked, fresh)
    else:
        prepare._check_readable(plan, checked, fresh)
    assert len(told) == 2 - barred
