"""Whether a launch can be met at all: asked before Ray is started and before anything is written."""

from __future__ import annotations

from orchestrator.cluster.address import Address, AddressKind, check_answers, find_local_cluster
from orchestrator.cluster.capacity import Growth, Shape, check_fits, count_usable_cpus, count_usable_gpus
from orchestrator.cluster.head_watch import get_head_timeout
from orchestrator.cluster.machine import check_machine
from orchestrator.options import LaunchOptions
from orchestrator.plan.plan import Plan
from tasks.errors import UsageError
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage, check_writable
from tasks.storage.uri import is_uri


def check_request(plan: Plan, storage: Storage, options: LaunchOptions, address: Address) -> None:
    """Whether this machine, or the cluster that is named, can be what the launch asks for.

    :raises UsageError: it never can; the message says what is asked for and what there is.
    """
    get_head_timeout()
    if options.max_concurrent is not None and options.max_concurrent < 1:
        raise UsageError(f"--max-concurrent {options.max_concurrent}: should be at least 1")
    if address.place is AddressKind.private:
        check_machine()
        _check_fits_here(plan, storage, options)
    else:
        check_answers(find_local_cluster(address))
    if is_uri(storage.uri) or storage.exists(""):
        check_writable(storage)  # a folder that is missing is made once nothing else can be wrong


def _check_fits_here(plan: Plan, storage: Storage, options: LaunchOptions) -> None:
    """What is stored needs no room: a sweep of a larger machine may be finished on this one."""
    kinds = {stage.kind: None for stage in plan.stages.values()}
    gpus = count_usable_gpus() if any(plan.space.resources.of(kind).gpus for kind in kinds) else 0
    here = Shape("this machine", options.cpus or count_usable_cpus(), gpus)
    large = {kind for kind in kinds if not here.holds(plan.space.resources.of(kind))}
    if large:
        stored = () if options.fresh else set(StageStore(storage).list_keys())
        missing = [stage.kind for stage in plan.needed(stored) if stage.kind in large]
        check_fits({kind: plan.space.resources.of(kind) for kind in missing}, [here], Growth())
