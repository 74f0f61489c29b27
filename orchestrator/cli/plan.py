"""`plan`: what a sweep would compute."""

import json
from typing import Annotated

import typer

from orchestrator.cli.options import JsonOption
from orchestrator.options import (
    DEFAULT_STORAGE,
    DataDirOption,
    SetOption,
    SpaceOption,
    StorageOption,
    VerifyOption,
)


def plan(
    space: SpaceOption,
    overrides: SetOption = (),
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

    planned = make_plan(load(space, overrides, verify=verify), data_dir)
    opened = open_storage(storage)
    if as_json:
        typer.echo(json.dumps(plan_facts(planned, opened, slots), indent=1))
        return
    typer.echo("\n".join(plan_lines(planned, opened, slots)))
