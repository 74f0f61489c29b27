"""W&B reports: made once, brought up to date, and a file where there is no server."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking import reports
from orchestrator.tracking.content import CONFUSION
from orchestrator.tracking.folder import WandbFolder
from orchestrator.tracking.server import UnreachableError
from tasks.errors import UsageError
from tests.support.ample_sweep import list_known_ids
from tests.support.kept import expect_kept
from tests.support.report_data import WITHOUT_TUNING, made_up
from tests.support.rows import ifgsm
from tests.support.wandb_stub import Fault, Stub
from tests.support.wandb_sweep import Sweep


@pytest.mark.slow
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
    import wandb_workspaces.reports.v2 as wr

    rows = [ifgsm("8/255", 10, 400) | {"verdict": "upper bound", "verdict_reason": "add steps: 40", "trial_id": "a"}]
    best, doubt, rule = reports._state_best(rows)
    assert best.startswith("Best: clean ")
    assert (doubt, rule.split(":")[0]) == ("upper bound: add steps: 40", "The rule")
    heading, said, _ = reports._build_confusion_blocks(wr, rows, "p", "true")
    assert (heading.text.split(":")[0], said.text) == ("Confusion", doubt)
    assert len(reports._build_confusion_blocks(wr, [rows[0] | {"verdict": "ok"}], "p", "true")) == 2
    assert reports._state_best([]) == []


def test_a_heat_map_stands_in_the_report_where_budgets_and_steps_vary() -> None:
    import wandb_workspaces.reports.v2 as wr

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


class Recorder:
    """In the place of W&B's library: what is asked of it, as plain text."""

    def __getattr__(self, name: str) -> Any:
        return lambda *values, **named: {name: [*values, *([named] if named else [])]}


def test_a_report_is_made_of_these_blocks(ample: SweepStore) -> None:
    rows = [row for row in ample.rows() if row["status"] == "finished"]
    made = reports._build_report(Recorder(), ample, rows, "a project", "an entity")
    (report,) = made["Report"]
    lines = [f"{name}: {value}" for name, value in report.items() if name != "blocks"]
    for block in report["blocks"]:
        ((kind, [content, *_]),) = block.items()
        lines.append(kind if isinstance(content, dict) else f"{kind}: {content}")
        for name, parts in content.items() if isinstance(content, dict) else ():
            lines += [f" {name}: {part}" for part in (parts if isinstance(parts, list) else [parts])]
    expect_kept("wandb_report.txt", "\n".join(lines), list_known_ids(ample))


def test_a_line_plot_for_each_data_set_stands_below_the_other() -> None:
    rows = [{**ifgsm(eps, 10, 400), "dataset": dataset} for eps in ("8/255", "16/255") for dataset in ("b", "a")]
    heading, grid = reports._build_curve_blocks(Recorder(), rows, "the whole")
    (named,) = grid["PanelGrid"]
    assert (heading, named["runsets"]) == ({"H1": ["Security curves"]}, ["the whole"])
    plots = [plot["LinePlot"][0] for plot in named["panels"]]
    assert [(plot["x"], plot["y"], plot["layout"]["Layout"][0]["y"]) for plot in plots] == [
        ("security_a/eps", ["security_a/resnet8"], 0), ("security_b/eps", ["security_b/resnet8"], 12)
    ]  # fmt: skip
    assert [plot["title"] for plot in plots] == ["security curves of a", "security curves of b"]
    assert reports._build_curve_blocks(Recorder(), rows[:1], "the whole") == []


@pytest.fixture
def small(tmp_path: Path) -> SweepStore:
    """Nine finished trials and three that failed, without any artifact."""
    content = {**WITHOUT_TUNING, "prune": None, "seed": {"grid_search": [0, 1]}}
    return made_up(tmp_path, content, images=False, finished=lambda n: n < 9, failed=lambda n: n >= 9)


@pytest.mark.parametrize(
    ("project", "entity", "placed", "environment", "asked"),
    [
        ("given", "me", {"project": "kept"}, "us", ("given", "me")),
        (None, None, {"project": "kept"}, "us", ("kept", "us")),
        (None, None, {}, None, ("advsweep", "viewer")),
    ],
)
def test_a_report_goes_to_the_project_that_is_asked_for_or_known(
    small: SweepStore, monkeypatch: pytest.MonkeyPatch, project: str | None, entity: str | None,
    placed: dict[str, str], environment: str | None, asked: tuple[str, str],
) -> None:  # fmt: skip
    """Without a server its entity is called entity where nobody has named it."""
    monkeypatch.delenv("WANDB_ENTITY", raising=False)
    if environment:
        monkeypatch.setenv("WANDB_ENTITY", environment)
    made = list[Any]()

    def build(_: Any, store: SweepStore, rows: list[Any], *named: str) -> Any:
        assert (store, {row["status"] for row in rows}) == (small, {"finished"})
        made.append((len(rows), *named))
        spec = SimpleNamespace(model_dump_json=lambda **_: "the specification")
        return SimpleNamespace(
            url="https://wandb.test/r", save=lambda: None, _to_model=lambda: SimpleNamespace(spec=spec)
        )

    def refuse() -> dict[str, Any]:
        raise UnreachableError("no server")

    monkeypatch.setattr(reports, reports._build_report.__name__, build)
    monkeypatch.setattr(WandbFolder, "place", lambda _: placed)
    monkeypatch.setattr(reports, "ask_viewer", lambda: {"entity": "viewer"})
    told = list[str]()
    reports.report(small, project, entity, told.append)
    monkeypatch.setattr(reports, "ask_viewer", refuse)
    reports.report(small, project, entity, told.append)
    without = (asked[0], "entity" if asked[1] == "viewer" else asked[1])
    assert made == [(9, *asked), (9, *without)]
    place = f"{small.storage.local}/sweeps/{small.sweep_id}/wandb/report_spec.json"
    assert told == [
        "created https://wandb.test/r", f"W&B: no server; no report was made, its specification is in {place}"
    ]  # fmt: skip
    assert Path(place).read_text() == "the specification"
    assert WandbFolder(small).report()["url"] == "https://wandb.test/r"


def test_what_is_known_by_its_address_is_made_to_say_what_is_new(small: SweepStore) -> None:
    saved = list[Any]()

    def open_report(url: str) -> Any:
        found = SimpleNamespace(url=url, title="old", description="old", blocks=["old"])
        found.save = lambda: saved.append((found.title, found.description, found.blocks))
        return found

    library = SimpleNamespace(Report=SimpleNamespace(from_url=open_report))
    new = open_report("https://wandb.test/new")
    new.title, new.description, new.blocks = "title", "words", [1, 2]
    folder = WandbFolder(small)
    assert reports._save_report(library, folder, new) == ("https://wandb.test/new", True)
    folder.remember_report("https://wandb.test/first")
    assert reports._save_report(library, folder, new) == ("https://wandb.test/first", False)
    assert saved == [("title", "words", [1, 2])] * 2


def test_a_sweep_without_a_finished_trial_has_no_report(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, {**WITHOUT_TUNING, "prune": None}, images=False, finished=lambda n: n < 0)
    with pytest.raises(UsageError, match=rf"^{sweep.sweep_id} has no finished trials yet: there is nothing to report$"):
        reports.report(sweep, None, None, print)


def test_a_server_that_fails_or_takes_too_long_is_told_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "secret")

    def fail() -> None:
        raise ValueError("secret is no key")

    assert reports._run_within(60.0, lambda: "found") == "found"
    with pytest.raises(UsageError, match=r"^W&B did not take the report: ValueError: \*\*\* is no key$"):
        reports._run_within(60.0, fail)
    ended = threading.Event()
    with pytest.raises(UsageError, match=r"^W&B did not take the report within 0\.05 s$"):
        reports._run_within(0.05, ended.wait)
    ended.set()
