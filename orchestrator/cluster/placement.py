"""Which kinds of stages compute on a GPU, and on how much of one, where nobody has said so."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.cluster.capacity import Growth, Shape, count_usable_cpus, count_usable_gpus
from orchestrator.options import DeviceChoice
from orchestrator.space.resources import Resources, ResourceTable
from orchestrator.text import format_count
from tasks.devices import get_gpu_device
from tasks.errors import UsageError
from tasks.kinds import KINDS, Kind

SHARES: Mapping[Kind, float] = {
    "train": 1.0,
    "prune": 0.0,
    "finetune": 1.0,
    "adversarial_finetune": 1.0,
    "condition": 0.0,
    "generator": 1.0,
    "attack": 0.25,
}
"""Training fills a GPU; a few hundred images under attack do not; pruning computes little, unless it trains."""
NO_GPU = "no GPU here: stages compute on the CPU"
HINT = "by default; `resources`, and --device and --gpus-per-trial of a launch, say otherwise"
MPS_DAEMON = "nvidia-cuda-mps-control"
MPS_FOLDER = "/tmp/nvidia-mps"
"""Where the daemon of NVIDIA's Multi-Process Service has its pipes, unless `CUDA_MPS_PIPE_DIRECTORY` says another."""


@dataclass(frozen=True)
class Supply:
    """The nodes that there are, and those that may come."""

    nodes: Sequence[Shape]
    growth: Growth = field(default_factory=Growth)
    problem: str | None = None
    """Why torch can use none of the GPUs."""
    sharing: str | None = None
    """How processes that share a GPU get on, where that is known."""

    @property
    def gpus(self) -> float:
        """GPUs of the nodes that are there."""
        return sum(node.gpus for node in self.nodes)

    @property
    def may_have_gpus(self) -> bool:
        """Whether there is a GPU, or a node with one is known to start when it is wanted."""
        return any(shape.gpus > 0 for shape in (*self.nodes, *self.growth.types))

    def holds(self, asked: Resources) -> bool:
        """Whether a node that is there or may come has room for it."""
        return any(shape.holds(asked) for shape in (*self.nodes, *self.growth.types))


@dataclass(frozen=True)
class Placement:
    """What every kind of stage holds, and what the user is told of it."""

    resources: ResourceTable
    words: str | None
    """One line; null where there is no GPU, and nobody has asked for one."""


def survey_machine(cpus: int | None = None, gpus: int | None = None) -> Supply:
    """This machine.

    :param cpus: those that a private Ray is to have; null: all that this process may use. Likewise `gpus`.
    """
    found = count_usable_gpus() if gpus is None else gpus
    here = Shape("this machine", cpus or count_usable_cpus(), found)
    if not found:
        return Supply([here])
    return Supply([here], problem=find_gpu_problem(), sharing=find_sharing())


def find_sharing() -> str | None:
    """Whether processes that share a GPU of this machine compute at the same time; null where it has no MPS.

    CUDA itself joins a daemon of NVIDIA's Multi-Process Service that runs; without one, processes take turns.
    """
    if shutil.which(MPS_DAEMON) is None:
        return None
    if (Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or MPS_FOLDER) / "control").exists():
        return "stages that share a GPU compute at the same time (MPS)"
    return f"stages that share a GPU take turns: `{MPS_DAEMON} -d` lets them compute at the same time"


def find_gpu_problem() -> str | None:
    """Why torch cannot use the GPUs of this machine, as far as its build tells; null where nothing is known."""
    if get_gpu_device() != "cuda":
        return None
    import torch

    if torch.version.cuda or torch.version.hip:
        return None
    return f"torch {torch.__version__} is built without CUDA"


def place_stages(table: ResourceTable, kinds: Collection[Kind], device: DeviceChoice, supply: Supply) -> Placement:
    """Give each kind of which nobody has said it a share of a GPU, where there are GPUs.

    :param kinds: those that the sweep has.
    :raises UsageError: a GPU was asked for, and none can be had.
    """
    if device == "cpu":
        table = table.with_gpus(dict.fromkeys(KINDS, 0.0))
        return Placement(table, _describe_idle(supply, "--device cpu was given"))
    asked = any(table.of(kind).gpus for kind in kinds) or device == "cuda"
    if supply.problem and asked:
        raise UsageError(f"a GPU is asked for, and {supply.problem}: install a build of torch for it, or --device cpu")
    if device == "cuda" and not supply.may_have_gpus and supply.growth.known:
        raise UsageError("--device cuda: there is no GPU here")
    chosen: Mapping[Kind, float] = {}
    if not supply.problem and (supply.may_have_gpus or device == "cuda"):
        chosen = _choose_shares(table, supply)
    placed = table.with_gpus({kind: chosen.get(kind, 0.0) for kind in table.automatic})
    if device == "cuda" and not any(placed.of(kind).gpus for kind in kinds):
        raise UsageError(
            "--device cuda: no stage of this sweep is given a GPU; "
            "look at `resources`, and at --gpus-per-trial of a launch"
        )
    return Placement(placed, _describe(placed, kinds, supply, by_default=bool(table.automatic & set(kinds))))


def _choose_shares(table: ResourceTable, supply: Supply) -> Mapping[Kind, float]:
    """The share of each kind that has none yet; where no node has both its CPUs and a GPU, it stays on CPUs."""
    shares = {kind: SHARES["train"] if kind in table.training else share for kind, share in SHARES.items()}
    return {
        kind: share
        for kind, share in shares.items()
        if kind in table.automatic
        and (not supply.growth.known or supply.holds(Resources(cpus=table.of(kind).cpus, gpus=share)))
    }


def _describe(placed: ResourceTable, kinds: Collection[Kind], supply: Supply, *, by_default: bool) -> str | None:
    shares = {kind: placed.of(kind).gpus for kind in KINDS if kind in kinds}
    if not any(shares.values()):
        return _describe_idle(supply, supply.problem or "no stage of this sweep is given one")
    if not supply.may_have_gpus and supply.growth.known:
        asked = ", ".join(f"{kind} asks for {share:g}" for kind, share in shares.items() if share)
        return f"no GPU here, and {asked}: a launch on this machine alone is refused"
    there = format_count(supply.gpus, "GPU") if supply.gpus else "GPUs of nodes that are still to come"
    held = ", ".join(f"{kind} {share:g}" if share else f"{kind} none" for kind, share in shares.items())
    line = f"{there}: {held}" + (f" ({HINT})" if by_default else "")
    if supply.sharing and any(0 < share < 1 for share in shares.values()):
        line += f"; {supply.sharing}"
    used = max(_count_used(placed.of(kind), supply) for kind in shares)
    if supply.gpus and used < supply.gpus:
        line += f"; at most {used:g} of them are used at a time: the CPUs that stages hold are too few for more"
    return line


def _count_used(asked: Resources, supply: Supply) -> float:
    """GPUs that runs of one kind can hold together on the nodes that are there; a share is always of one GPU."""
    if not asked.gpus:
        return 0
    beside = math.floor(1 / asked.gpus)
    return sum(
        min(math.ceil(math.floor(node.cpus / asked.cpus) / beside), node.gpus) for node in supply.nodes if node.gpus
    )


def _describe_idle(supply: Supply, reason: str) -> str | None:
    if not supply.gpus:
        return None
    return f"{format_count(supply.gpus, 'GPU')} {'stays' if supply.gpus == 1 else 'stay'} idle: {reason}"
