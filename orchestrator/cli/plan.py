"""`plan`: what a sweep would compute."""

from typing import Annotated

import typer

from orchestrator.cli.options import Printing
from orchestrator.options import DEFAULT_STORAGE, DataDirOption, SetOption, SpaceOption, StorageOption, VerifyOption


def plan(
    space: SpaceOption,
    *,
    overrides: SetOption = (),
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    verify: VerifyOption = False,
    slots: Annotated[int | None, typer.Option(min=1, help="Jobs that would run at once.")] = None,
    printing: Printing,
) -> None:
    """Show trials, distinct stages, what is stored and what sharing saves; start nothing.

    \b
    Examples:
      advsweep plan --space digits
      advsweep plan --space mine.yaml --set 'prune.ratio={grid_search: [0.2, 0.4]}' --slots 8
    """
    from orchestrator.plan.plan import make_plan
    from orchestrator.plan.summary import collect_plan_facts, format_plan
    from orchestrator.space.space import load
    from tasks.storage.storage import open_storage

    facts = collect_plan_facts(make_plan(load(space, overrides, verify=verify), data_dir), open_storage(storage), slots)
    kinds = [{"stage": kind, **counts} for kind, counts in facts["stages"].items()]
    printing.show(facts, lambda: "\n".join(format_plan(facts)), kinds)
