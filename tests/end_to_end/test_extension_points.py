"""A part that is written outside of advsweep and registered is found everywhere, without another edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.report.analysis.report_data import load_report_data
from orchestrator.results.presentation import Selection, render_results
from orchestrator.results.query import ask
from orchestrator.results.verdicts import check_rows
from orchestrator.space import space as spaces
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UsageError
from tests.conftest import SMALL_SPACE
from tests.support.finished_sweep import finish
from tests.support.toy_attack import BrightenSettings, registered

ATTACK = {"grid_search": [{"name": "ifgsm", "eps": "16/255", "steps": 5}, {"name": "brighten", "eps": "16/255"}]}


@pytest.fixture(scope="module")
def toy_space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model, attacked by one of our attacks and by the toy."""
    content = {**yaml.safe_load(SMALL_SPACE), "prune": None, "adversarial_finetune": None, "attack": ATTACK}
    path = tmp_path_factory.mktemp("toy") / "extended.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def computed(toy_space: Path) -> tuple[Plan, SweepStore]:
    with registered(BrightenSettings):
        return finish(toy_space, toy_space.parent / "results")


@pytest.fixture
def finished(computed: tuple[Plan, SweepStore]) -> Iterator[tuple[Plan, SweepStore]]:
    with registered(BrightenSettings):
        yield computed


def test_a_space_may_name_the_attack_only_while_it_is_registered(toy_space: Path) -> None:
    with registered(BrightenSettings):
        assert [trial.attack.method.name for trial in spaces.load(str(toy_space)).trials] == ["ifgsm", "brighten"]
        with pytest.raises(UsageError, match=r"attack\.shar.*did you mean 'share'"):
            spaces.load(str(toy_space), ["attack={name: brighten, eps: 0.1, shar: 1}"])
    with pytest.raises(UsageError, match=r"brighten.*unknown attack"):
        spaces.load(str(toy_space))


def test_the_attack_is_planned_and_its_settings_are_in_the_key(toy_space: Path) -> None:
    def plan_attack(share: float) -> Plan:
        return make_plan(spaces.load(str(toy_space), [f"attack={{name: brighten, eps: 16/255, share: {share}}}"]), None)

    with registered(BrightenSettings):
        plans = [plan_attack(share) for share in (1.0, 1.0, 0.5)]
    assert [[stage.kind for stage in plan.stages.values()] for plan in plans] == [["train", "attack"]] * 3
    whole, again, half = (list(plan.stages) for plan in plans)
    assert whole == again
    assert (whole[0], whole[1] == half[1]) == (half[0], False)


def test_verify_adds_the_attack_as_it_asks_for(toy_space: Path) -> None:
    with registered(BrightenSettings):
        trials = spaces.load(str(toy_space), ["attack={name: ifgsm, eps: 16/255, steps: 5}"], verify=True).trials
    (added,) = (trial.attack.method for trial in trials if isinstance(trial.attack.method, BrightenSettings))
    assert (added.eps, added.share) == (16 / 255, 0.5)


@pytest.mark.slow
def test_the_attack_runs_and_its_numbers_are_checked(finished: tuple[Plan, SweepStore]) -> None:
    plan, sweep = finished
    rows = {row["attack"]: row for row in sweep.rows()}
    assert rows["brighten"]["status"] == "finished"
    assert rows["brighten"]["attack_key"] in plan.stages
    examples = ask(sweep, f"select max(linf) from examples where stage_key = '{rows['brighten']['attack_key']}'")
    assert examples[1][0][0] == pytest.approx(16 / 255, rel=1e-5)
    compared = [verdict for verdict in check_rows(sweep.rows()) if verdict.check == "gradient >= gradient-free"]
    assert [set(verdict.trials) for verdict in compared] == [{row["trial_id"] for row in rows.values()}]
    assert json.loads(rows["brighten"]["verdicts"])["gradient >= gradient-free"] == "ok"


@pytest.mark.slow
def test_results_and_reports_show_the_attack(finished: tuple[Plan, SweepStore]) -> None:
    _, sweep = finished
    table = render_results(sweep, "table", selection=Selection(long=True))
    assert any("brighten" in line and "16/255" not in line for line in table.splitlines())
    columns, line = render_results(sweep, "csv", worst_case=True).splitlines()
    worst = dict(zip(columns.split(","), line.split(","), strict=True))
    assert (worst["attack_norm"], worst["attacks"]) == ("linf", "2")
    data = load_report_data([sweep])
    (study,) = data.studies
    assert "brighten" in str(study)


@pytest.mark.slow
def test_rows_of_an_attack_that_is_not_registered_any_more_are_read_and_said_to_be_unknown(
    computed: tuple[Plan, SweepStore],
) -> None:
    _, sweep = computed
    (unknown,) = (verdict for verdict in check_rows(sweep.rows()) if verdict.check == "attack known")
    assert unknown.verdict == "not tested"
    assert "brighten" in unknown.figures
    assert "brighten" in render_results(sweep, "table", selection=Selection(long=True))
    assert load_report_data([sweep]).sweeps[0].finished == 2
