"""`evaluate`: one number for a model that is trained already."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import Printing
from orchestrator.options import (
    DEFAULT_STORAGE,
    DataDirOption,
    DeviceOption,
    SetOption,
    StorageOption,
)

if TYPE_CHECKING:
    from orchestrator.space.space import Space
    from tasks.errors import Problem
    from tasks.trial.row import Row

SPACE = "evaluate"
SHOWN = ("dataset", "model", "attack", "attack_norm", "attack_eps", "attack_steps", "examples", "clean_correct",
         "robust_correct", "clean_accuracy", "clean_accuracy_low", "clean_accuracy_high", "robust_accuracy",
         "robust_accuracy_low", "robust_accuracy_high", "bound", "trial_id", "sweep_id")  # fmt: skip
"""Columns of the answer, as the table of trials has them."""
OPTIONS = {
    "model.weights": "--weights",
    "model.name": "--model",
    "dataset.name": "--dataset",
    "attack.name": "--attack",
    "attack.eps": "--eps",
}
"""Path of a setting -> the option that gives it."""


def evaluate(
    *,
    weights: Annotated[
        str, typer.Option(help="A file, URL#sha256=DIGEST, hf://ORG/REPO/FILE#sha256=DIGEST, or `imagenet`.")
    ],
    model: Annotated[str, typer.Option(help="An architecture, such as resnet18 or robustbench:WideResNet-28-10.")],
    dataset: Annotated[str, typer.Option(help="A data set.")],
    attack: Annotated[str, typer.Option(help="An attack.")],
    eps: Annotated[str | None, typer.Option(help="Its budget in pixels of [0, 1], such as 8/255.")] = None,
    overrides: SetOption = (),
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    printing: Printing,
) -> None:
    """Attack a model that is trained already, and print what is left: a sweep of one trial, kept like any other.

    \b
    Examples:
      advsweep evaluate --weights net.pt --model resnet18 --dataset cifar10 --attack autoattack --eps 8/255
      advsweep evaluate --weights wrn.pt --model robustbench:WideResNet-28-10 --dataset cifar10 \\
        --attack pgd --eps 8/255 --set attack.steps=50 --set attack.examples=1000 --json
    """
    from rich.console import Console

    from orchestrator.launch import launch_space
    from orchestrator.options import LaunchOptions
    from orchestrator.space.given import copy_plain
    from orchestrator.space.space import load_content
    from tasks.errors import ProblemsError

    method = {"name": attack} | ({} if eps is None else {"eps": eps})
    content = {"dataset": {"name": dataset}, "model": {"name": model, "weights": weights}, "attack": method}
    try:
        space = load_content(SPACE, SPACE, copy_plain(content), overrides)
    except ProblemsError as error:
        raise ProblemsError(error.source, map(_name_option, error.problems)) from None
    options = LaunchOptions(SPACE, (), storage, data_dir, device=device, wandb="disabled")
    code = launch_space(space, options, Console(stderr=True))
    rows = _read_rows(space, storage)
    if code == 0:
        printing.show(rows, lambda: "\n".join(map(_describe, rows)))
    raise typer.Exit(code)


def _name_option(problem: Problem) -> Problem:
    """With the option that gives a setting in the place of its path."""
    return replace(problem, path=OPTIONS.get(problem.path, problem.path))


def _read_rows(space: Space, storage: str) -> list[Row]:
    from orchestrator.plan.plan import make_sweep_id
    from orchestrator.store.sweep_store import SweepStore
    from tasks.storage.storage import open_storage

    sweep_id = make_sweep_id(space.name, list(dict.fromkeys(trial.trial_id for trial in space.trials)))
    rows = SweepStore(open_storage(storage), sweep_id).rows()
    return [{name: row[name] for name in SHOWN} for row in sorted(rows, key=lambda row: str(row["trial_id"]))]


def _describe(row: Row) -> str:
    from orchestrator.text import format_percent

    def tell(rate: str, correct: int) -> str:
        low, high = (format_percent(row[f"{rate}_accuracy{end}"]) for end in ("_low", "_high"))
        shown = format_percent(row[f"{rate}_accuracy"])
        return f"{rate} accuracy {shown} ({correct} of {row['examples']}; 95 % interval {low} to {high})"

    return f"{tell('clean', row['clean_correct'])}\n{tell('robust', row['robust_correct'])}, {row['trial_id']}"
