"""`plan`: what a sweep would compute."""

from typing import Annotated

import typer

from orchestrator.cli.options import Printing
from orchestrator.options import (
    DEFAULT_STORAGE,
    DataDirOption,
    DeviceOption,
    SetOption,
    SpaceOption,
    StorageOption,
    VerifyOption,
)


def plan(
    space: SpaceOption,
    *,
    overrides: SetOption = (),
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    verify: VerifyOption = False,
    device: DeviceOption = "auto",
    slots: Annotated[int | None, typer.Option(min=1, help="Jobs that would run at once.")] = None,
    printing: Printing,
) -> None:
    """Show trials, distinct stages, what is stored and what sharing saves; start nothing.

    \b
    Examples:
      advsweep plan --space digits
      advsweep plan --space mine.yaml --set 'prune.ratio={grid_search: [0.2, 0.4]}' --slots 8
    """
    from orchestrator.cluster.placement import place_stages, survey_machine
    from orchestrator.plan.fits import check_fits
    from orchestrator.plan.plan import list_kinds, make_plan
    from orchestrator.plan.summary import collect_plan_facts, format_plan
    from orchestrator.space.space import load
    from tasks.storage.stage_store import StageStore
    from tasks.storage.storage import open_storage

    made = make_plan(load(space, overrides, verify=verify), data_dir, without_data=True)
    kept = open_storage(storage)
    check_fits(made, set(StageStore(kept).list_keys()))
    placement = place_stages(made.space.resources, list_kinds(made), device, survey_machine())
    facts = collect_plan_facts(made, kept, slots, placement)
    kinds = [{"stage": kind, **counts} for kind, counts in facts["stages"].items()]
    printing.show(facts, lambda: "\n".join(format_plan(facts)), kinds)
