"""Whether a launch can be met at all: asked before Ray is started and before anything is written."""

from __future__ import annotations

from orchestrator.cluster.address import Address, AddressKind, check_answers, find_local_cluster
from orchestrator.cluster.capacity import Growth, check_fits
from orchestrator.cluster.head_watch import get_head_timeout
from orchestrator.cluster.machine import check_machine
from orchestrator.cluster.placement import Placement, Supply, place_stages, survey_machine
from orchestrator.options import LaunchOptions
from orchestrator.plan.plan import Plan, list_kinds
from tasks.errors import UsageError
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage, check_writable, find_existing


def check_request(plan: Plan, storage: Storage, options: LaunchOptions, address: Address) -> Placement:
    """Whether this machine, or the cluster that is named, can be what the launch asks for.

    :returns: what each kind of stage holds; on a cluster as far as it is known before it is joined.
    :raises UsageError: it never can; the message says what is asked for and what there is.
    """
    get_head_timeout()
    if options.device == "cpu" and options.gpus_per_trial:
        raise UsageError(f"--device cpu and --gpus-per-trial {options.gpus_per_trial:g}: choose one")
    placement = Placement(plan.space.resources, None)
    if options.max_concurrent is not None and options.max_concurrent < 1:
        raise UsageError(f"--max-concurrent {options.max_concurrent}: should be at least 1")
    if address.place is AddressKind.private:
        check_machine()
        supply = survey_machine(options.cpus, options.gpus)
        placement = place_stages(plan.space.resources, list_kinds(plan), options.device, supply)
        _check_fits_here(plan, placement, supply, storage, fresh=options.fresh)
    else:
        check_answers(find_local_cluster(address))
    check_writable(find_existing(storage), storage.uri)  # a missing folder is made once nothing else can be wrong
    return placement


def _check_fits_here(plan: Plan, placement: Placement, supply: Supply, storage: Storage, *, fresh: bool) -> None:
    """What is stored needs no room: a sweep of a larger machine may be finished on this one."""
    large = {kind for kind in list_kinds(plan) if not supply.holds(placement.resources.of(kind))}
    if large:
        stored = () if fresh else set(StageStore(storage).list_keys())
        missing = [stage.kind for stage in plan.needed(stored) if stage.kind in large]
        check_fits({kind: placement.resources.of(kind) for kind in missing}, supply.nodes, Growth())
