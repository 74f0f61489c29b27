"""A W&B Report of a sweep: made once, found again by its address and brought up to date. Needs the extra `reports`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from orchestrator.report.figures.collection import make_suffix
from orchestrator.results.headline import RULE, describe_best, describe_doubt, find_best
from orchestrator.results.tradeoff import AXES, find_varying_axes, render_tradeoff
from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking.client import import_wandb
from orchestrator.tracking.content import CONFUSION, MATRIX, SWEEP, TRIAL
from orchestrator.tracking.folder import WandbFolder
from orchestrator.tracking.overview import SECURITY, build_curves
from orchestrator.tracking.server import UnreachableError, ask_viewer, redact_key
from tasks import paths
from tasks.errors import UsageError
from tasks.trial.row import Row

SPECIFICATION = "report_spec.json"
SAVE_LIMIT = 60.0
"""Seconds that the server has to take a report."""
MOST_CURVES = 40
NUMERIC = ("pruning_ratio", "lambda", "eps_train", "train_steps", "attack_eps", "attack_steps")
"""Axes that stand in the summary of each run."""
T = TypeVar("T")


def report(sweep: SweepStore, project: str | None, entity: str | None, say: Callable[[str], None]) -> None:
    """Create or update the report of a sweep on the server; without one, write its specification to a file.

    :raises UsageError: the extra is not installed, nothing is finished yet, or the server did not take it.
    """
    wr = _import_library()
    rows = [row for row in sweep.rows() if row["status"] == "finished"]
    if not rows:
        raise UsageError(f"{sweep.sweep_id} has no finished trials yet: there is nothing to report")
    folder = WandbFolder(sweep)
    project = project or str(folder.place().get("project") or "advsweep")
    asked = entity or os.environ.get("WANDB_ENTITY")
    try:
        owner = ask_viewer()
    except UnreachableError as error:
        made = _build_report(wr, sweep, rows, project, asked or "entity")
        name = sweep.path(paths.WANDB, SPECIFICATION)
        sweep.storage.write(name, made._to_model().spec.model_dump_json(by_alias=True, indent=1).encode())
        say(f"W&B: {error}; no report was made, its specification is in {sweep.storage.describe_place(name)}")
        return
    url, new = _run_within(
        SAVE_LIMIT,
        lambda: _save_report(wr, folder, _build_report(wr, sweep, rows, project, asked or str(owner["entity"]))),
    )
    folder.remember_report(url)
    say(f"{'created' if new else 'updated'} {url}")


def _import_library() -> Any:
    try:
        import_wandb()
        import wandb_workspaces.reports.v2 as wr
    except ImportError as error:
        raise UsageError(f"W&B reports need an extra: pip install 'advsweep[reports]' ({error})") from error
    return wr


def _build_report(wr: Any, sweep: SweepStore, rows: Sequence[Row], project: str, entity: str) -> Any:
    """The report as it should be, not saved.

    The run sets name no entity: then making them asks no server.
    """
    in_sweep = f"Metric('Group') == '{sweep.sweep_id}'"
    trials = wr.Runset(project=project, name="trials", filters=f"{in_sweep} and Metric('JobType') == '{TRIAL}'")
    whole = wr.Runset(project=project, name="sweep", filters=f"{in_sweep} and Metric('JobType') == '{SWEEP}'")
    return wr.Report(
        project=project,
        entity=entity,
        title=f"Clean and robust accuracy: {sweep.sweep_id}"[:128],
        description="What robustness costs in clean accuracy, trial by trial.",
        width="fluid",
        blocks=[
            wr.H1("Trade-off"),
            *(wr.P(line) for line in _state_best(rows)),
            wr.PanelGrid(runsets=[trials], panels=_build_trial_panels(wr, rows)),
            *_build_curve_blocks(wr, rows, whole),
            *_build_picture_blocks(wr, rows, whole),
            *_build_confusion_blocks(wr, rows, project, in_sweep),
            wr.H1("All configurations"),
            wr.CodeBlock(code=render_tradeoff(rows).splitlines(), language="markdown"),
        ],
    )


def _state_best(rows: Sequence[Row]) -> list[str]:
    """What is called best, what speaks against its number and why, and the rule; nothing where nothing was attacked."""
    best = find_best(rows)
    if best is None:
        return []
    return [f"Best: {describe_best(best)}", *filter(None, [describe_doubt(best)]), f"The rule: {RULE}."]


def _build_trial_panels(wr: Any, rows: Sequence[Row]) -> list[Any]:
    clean, robust = wr.SummaryMetric("clean_accuracy"), wr.SummaryMetric("robust_accuracy")
    varying = [axis for axis in find_varying_axes(rows) if axis in AXES and axis in NUMERIC]
    columns = [wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric(axis), display_name=axis) for axis in varying]
    columns += [
        wr.ParallelCoordinatesPlotColumn(clean, display_name="clean accuracy"),
        wr.ParallelCoordinatesPlotColumn(robust, display_name="robust accuracy"),
    ]
    return [
        wr.ScatterPlot(title="clean against robust accuracy", x=clean, y=robust, layout=_place(wr, 0, 0, 12, 10)),
        wr.ParallelCoordinatesPlot(title="settings and accuracy", columns=columns, layout=_place(wr, 12, 0, 12, 10)),
        wr.MediaBrowser(
            title="adversarial examples",
            media_keys=["adversarial_examples"],
            num_columns=2,
            layout=_place(wr, 0, 10, 12, 10),
        ),
        wr.RunComparer(diff_only="split", layout=_place(wr, 12, 10, 12, 10)),
    ]


def _build_curve_blocks(wr: Any, rows: Sequence[Row], whole: Any) -> list[Any]:
    """One line plot for each data set and family of attacks; none where every attack has the same budget."""
    found = build_curves(rows)
    if not found:
        return []
    panels = []
    for number, (prefix, entries) in enumerate(found.items()):
        names = list(dict.fromkeys(name for entry in entries for name in entry if name != f"{prefix}/eps"))
        plot = wr.LinePlot(
            title=f"security curves{prefix.removeprefix(SECURITY).replace('_', ' of ', 1)}",
            x=f"{prefix}/eps",
            y=names[:MOST_CURVES],
            title_x="eps",
            title_y="robust accuracy",
            range_y=(0, 1),
            max_runs_to_show=1,
            layout=_place(wr, 0, 12 * number, 24, 12),
        )
        panels.append(plot)
    return [wr.H1("Security curves"), wr.PanelGrid(runsets=[whole], panels=panels)]


def _build_picture_blocks(wr: Any, rows: Sequence[Row], whole: Any) -> list[Any]:
    """The figures that the run of the sweep holds as pictures: the heat map of each data set, and the trade-off."""
    several = len({row["dataset"] for row in rows})
    suffixes = sorted({make_suffix(dataset, several) for dataset in {row["dataset"] for row in rows}})
    has_grid = len({row["attack_eps"] for row in rows}) > 1 and len({row["attack_steps"] for row in rows}) > 1
    kinds = ("heat_map", "tradeoff") if has_grid else ("tradeoff",)
    keys = [f"figures/{kind}{suffix}" for kind in kinds for suffix in suffixes]
    browser = wr.MediaBrowser(title="figures", media_keys=keys, num_columns=len(kinds), layout=_place(wr, 0, 0, 24, 16))
    return [wr.H1("Heat map" if has_grid else "Figures"), wr.PanelGrid(runsets=[whole], panels=[browser])]


def _build_confusion_blocks(wr: Any, rows: Sequence[Row], project: str, in_sweep: str) -> list[Any]:
    """Confusion matrices and pictures of one trial: of the configuration that is called best."""
    best = find_best(rows)
    if best is None:
        return []
    trial_id = best.trials[0]
    runset = wr.Runset(project=project, name="best", filters=f"{in_sweep} and Config('trial_id') == '{trial_id}'")
    panels = [
        wr.CustomChart(
            query={"summaryTable": {"tableKey": f"confusion_{when}_table"}},
            chart_name=CONFUSION,
            chart_fields={column: column for column in MATRIX},
            chart_strings={"title": f"confusion {when}"},
            layout=_place(wr, 12 * place, 0, 12, 12),
        )
        for place, when in enumerate(("clean", "adversarial"))
    ]
    panels.append(
        wr.MediaBrowser(title="its images", media_keys=["adversarial_examples"], layout=_place(wr, 0, 12, 24, 10))
    )
    doubt = describe_doubt(best)
    return [
        wr.H1(f"Confusion: {describe_best(best)}"[:200]),
        *([wr.P(doubt)] if doubt else []),
        wr.PanelGrid(runsets=[runset], panels=panels),
    ]


def _place(wr: Any, x: int, y: int, width: int, height: int) -> Any:
    return wr.Layout(x=x, y=y, w=width, h=height)


def _save_report(wr: Any, folder: WandbFolder, made: Any) -> tuple[str, bool]:
    """Save under the address that is known, else as a new report; its address, and whether it is new."""
    known = folder.report().get("url")
    if known:
        before = wr.Report.from_url(known)
        before.title, before.description, before.blocks = made.title, made.description, made.blocks
        made = before
    made.save()
    return str(made.url), not known


def _run_within(seconds: float, work: Callable[[], T]) -> T:
    """What the work returns. One that takes too long is left behind: the process ends soon after.

    :raises UsageError: it took too long, or failed.
    """
    found: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="report", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise UsageError(redact_key(f"W&B did not take the report: {type(errors[0]).__name__}: {errors[0]}"))
    if not found:
        raise UsageError(f"W&B did not take the report within {seconds:g} s")
    return found[0]
