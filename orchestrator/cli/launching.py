"""`launch`, `plan` and `spaces`."""

import json
from typing import Annotated

import typer

from orchestrator.cli.options import (
    DEFAULT_STORAGE,
    DataDirOption,
    JsonOption,
    SetOption,
    SpaceOption,
    StorageOption,
    VerifyOption,
    WandbMode,
)


def launch(
    space: SpaceOption,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    address: Annotated[
        str,
        typer.Option(envvar="ADVSWEEP_ADDRESS", help="local, auto, HEAD:6379, ray://HEAD:10001 or http://HEAD:8265."),
    ] = "local",
    cpus_per_trial: Annotated[float | None, typer.Option(help="CPUs of a running stage; default 1.")] = None,
    gpus_per_trial: Annotated[float | None, typer.Option(help="GPUs of a running stage; default 0.")] = None,
    max_concurrent: Annotated[int | None, typer.Option(min=1, help="Stages that run at once.")] = None,
    max_failures: Annotated[int, typer.Option(min=0, help="Retries of a stage after errors of its own.")] = 1,
    max_preemptions: Annotated[int, typer.Option(min=0, help="Retries of a stage whose worker was lost.")] = 10,
    timeout: Annotated[
        list[str] | None, typer.Option(metavar="KIND=SECONDS", help="End runs that take longer; may be given often.")
    ] = None,
    wandb: Annotated[WandbMode, typer.Option(help="Where W&B runs go.")] = WandbMode.offline,
    project: Annotated[str, typer.Option(help="W&B project.")] = "advsweep",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, start nothing.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute again what is stored.")] = False,
    verify: VerifyOption = False,
) -> None:
    """Run a sweep; the same command again runs only what is missing or failed."""
    from rich.console import Console

    from orchestrator.launch import launch as run
    from orchestrator.options import LaunchOptions

    options = LaunchOptions(
        space=space,
        overrides=overrides or (),
        storage=storage,
        data_dir=data_dir,
        address=address,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        max_concurrent=max_concurrent,
        max_failures=max_failures,
        max_preemptions=max_preemptions,
        timeouts=timeout or (),
        wandb=wandb.value,
        project=project,
        dry_run=dry_run,
        fresh=fresh,
        verify=verify,
    )
    raise typer.Exit(run(options, Console()))


def plan(
    space: SpaceOption,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    verify: VerifyOption = False,
    slots: Annotated[int | None, typer.Option(min=1, help="Stages that would run at once.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show trials, distinct stages, what is stored and what sharing saves; start nothing."""
    from orchestrator.plan.plan import make_plan
    from orchestrator.plan.summary import plan_facts, plan_lines
    from orchestrator.space.space import load
    from tasks.storage.storage import open_storage

    planned = make_plan(load(space, overrides or (), verify=verify), data_dir)
    opened = open_storage(storage)
    if as_json:
        typer.echo(json.dumps(plan_facts(planned, opened, slots), indent=1))
        return
    typer.echo("\n".join(plan_lines(planned, opened, slots)))


def spaces(as_json: JsonOption = False) -> None:
    """List the search spaces that come with advsweep."""
    from orchestrator.space.space import extract_first_sentence, list_shipped, load
    from orchestrator.text import format_table

    found = [load(name) for name in list_shipped()]
    if as_json:
        rows = [{"name": s.name, "trials": len(s.trials), "description": s.description} for s in found]
        typer.echo(json.dumps(rows, indent=1))
        return
    table = [[space.name, str(len(space.trials)), extract_first_sentence(space.description)] for space in found]
    typer.echo(format_table(["space", "trials", "description"], table))
