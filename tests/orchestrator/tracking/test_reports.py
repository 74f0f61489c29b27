"""W&B reports: made once, brought up to date, and a file where there is no server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import wandb_workspaces.reports.v2 as wr

from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking import reports
from orchestrator.tracking.content import CONFUSION
from orchestrator.tracking.folder import WandbFolder
from tasks.errors import UsageError
from tests.support.rows import ifgsm
from tests.support.wandb_stub import Fault, Stub
from tests.support.wandb_sweep import Sweep


def test_a_report_is_made_once_and_brought_up_to_date(
    sweep: Sweep, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[str]()
    for _ in range(2):
        reports.report(sweep.store, None, None, told.append)
    ((_, view),) = stub.views.items()
    url = WandbFolder(sweep.store).report()["url"]
    assert told == [f"created {url}", f"updated {url}"]
    assert stub.operations["upsertView"] == 2
    _checked(view["spec"], sweep.store)
    assert view["projectName"] == "robust"
    stub.fault = Fault(status=403, of=frozenset({"upsertView"}))
    monkeypatch.setattr(reports, "SAVE_LIMIT", 3.0)
    with pytest.raises(UsageError, match="did not take the report"):
        reports.report(sweep.store, None, None, told.append)


def test_a_report_without_a_server_is_a_file(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(sweep.space))
    told = list[str]()
    reports.report(sweep.store, None, None, told.append)
    path = Path(sweep.storage / f"sweeps/{sweep.store.sweep_id}/wandb/report_spec.json")
    (said,) = told
    assert said.startswith("W&B: there is no key: set WANDB_API_KEY or run `wandb login`; no report was made")
    assert said.endswith(f"its specification is in {path}")
    _checked(path.read_text(), sweep.store)
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    with pytest.raises(UsageError, match=r"pip install 'advsweep\[reports\]'"):
        reports.report(sweep.store, None, None, told.append)


def _checked(specification: str, store: SweepStore) -> None:
    """The report shows this sweep: scatter, parallel coordinates, security curve, figures, confusion matrices."""
    grids = [block["metadata"] for block in json.loads(specification)["blocks"] if block["type"] == "panel-grid"]
    filters = [found["filters"]["filters"] for grid in grids for found in grid["runSets"]]
    assert {(found[0]["key"]["name"], found[0]["value"]) for found in filters} == {("group", store.sweep_id)}
    panels = [panel for grid in grids for panel in grid["panelBankSectionConfig"]["panels"]]
    by_type = {panel["viewType"]: panel["config"] for panel in panels}
    assert by_type["Scatter Plot"]["xAxis"] == "summary:clean_accuracy"
    accessors = [column["accessor"] for column in by_type["Parallel Coordinates Plot"]["columns"]]
    assert accessors == ["summary:attack_eps", "summary:clean_accuracy", "summary:robust_accuracy"]
    assert by_type["Run History Line Plot"]["xAxis"] == "security/eps"
    assert len(by_type["Run History Line Plot"]["metrics"]) == 1
    media = [panel["config"]["mediaKeys"] for panel in panels if panel["viewType"] == "Media Browser"]
    assert media == [["adversarial_examples"], ["figures/tradeoff"], ["adversarial_examples"]]
    matrices = [panel["config"] for panel in panels if panel["viewType"] == "Vega2"]
    assert [matrix["panelDefId"] for matrix in matrices] == [CONFUSION] * 2
    assert "confusion_adversarial_table" in json.dumps(matrices[1])
    (shown,) = [found[1] for found in filters if "trial_id" in json.dumps(found)]
    assert shown["value"] in {row["trial_id"] for row in store.rows()}


def test_what_speaks_against_the_best_stands_below_the_headings() -> None:
    rows = [ifgsm("8/255", 10, 400) | {"verdict": "upper bound", "verdict_reason": "add steps: 40", "trial_id": "a"}]
    best, doubt, rule = reports._state_best(rows)
    assert best.startswith("Best: clean ")
    assert (doubt, rule.split(":")[0]) == ("upper bound: add steps: 40", "The rule")
    heading, said, _ = reports._build_confusion_blocks(wr, rows, "p", "true")
    assert (heading.text.split(":")[0], said.text) == ("Confusion", doubt)
    assert len(reports._build_confusion_blocks(wr, [rows[0] | {"verdict": "ok"}], "p", "true")) == 2
    assert reports._state_best([]) == []


def test_a_heat_map_stands_in_the_report_where_budgets_and_steps_vary() -> None:
    rows = [{**ifgsm(eps, steps, 400), "dataset": dataset} for eps in ("8/255", "16/255") for steps in (1, 10)
            for dataset in ("digits", "mnist")]  # fmt: skip
    titles = []
    for some in (rows, rows[:2]):
        heading, grid = reports._build_picture_blocks(wr, some, wr.Runset(project="p", name="sweep"))
        titles.append((heading.text, grid.panels[0].media_keys))
    assert titles == [
        ("Heat map", [f"figures/{kind}-{name}" for kind in ("heat_map", "tradeoff") for name in ("digits", "mnist")]),
        ("Figures", ["figures/tradeoff-digits", "figures/tradeoff-mnist"]),
    ]
