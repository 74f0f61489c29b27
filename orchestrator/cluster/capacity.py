"""Whether what the stages ask for exists anywhere, now or once an autoscaler has done its part."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.space.resources import Resources
from orchestrator.text import format_count
from tasks.errors import UsageError
from tasks.kinds import Kind


@dataclass(frozen=True)
class Shape:
    """What one node has, or what a node of a type would have."""

    name: str
    """`node`, or the name of a node type that an autoscaler may start."""
    cpus: float
    gpus: float

    def holds(self, asked: Resources) -> bool:
        """Whether one run fits on an empty node of this shape."""
        return asked.cpus <= self.cpus and asked.gpus <= self.gpus

    def __str__(self) -> str:
        return f"{self.name} of {format_count(self.cpus, 'CPU')} and {format_count(self.gpus, 'GPU')}"


@dataclass(frozen=True)
class Growth:
    """The nodes that an autoscaler may still add."""

    types: Sequence[Shape] = ()
    known: bool = True
    """False where something may add nodes and does not say which: then nothing can be ruled out."""


def read_node_types(config: Mapping[str, Any]) -> Growth:
    """The types that a cluster launcher file may start beside its head."""
    shapes, known = [], True
    for name, node_type in (config.get("available_node_types") or {}).items():
        found = node_type.get("resources") or {}
        if node_type.get("max_workers", config.get("max_workers", 0)) == 0:
            continue
        if not found:
            known = False  # what such a node has is seen once it runs
        shapes.append(Shape(f"type {name}", float(found.get("CPU", 0)), float(found.get("GPU", 0))))
    return Growth(tuple(shapes), known)


def read_growth(command: Sequence[str] | None) -> Growth:
    """What the autoscaler that runs with this command line may add.

    :param command: of Ray's monitor process; null: none was found, as on Kubernetes, where it runs elsewhere.
    """
    if command is None:
        return Growth(known=False)
    name = next((word.split("=", 1)[1] for word in command if word.startswith("--autoscaling-config=")), "")
    if not name:
        return Growth()
    from tasks.yaml_files import read_mapping

    try:
        return read_node_types(read_mapping(Path(name).expanduser()))
    except (OSError, UsageError):
        return Growth(known=False)


def check_fits(wanted: Mapping[Kind, Resources], nodes: Sequence[Shape], growth: Growth) -> None:
    """:raises UsageError: a kind of stage asks for more than any node has or could have: it would wait for ever."""
    if not growth.known:
        return
    there = [*nodes, *growth.types]
    for kind, asked in wanted.items():
        if not any(shape.holds(asked) for shape in there):
            asks = f"{kind} asks for {format_count(asked.cpus, 'CPU')} and {format_count(asked.gpus, 'GPU')}"
            raise UsageError(f"{asks}; no node has that. There is: {describe_capacity(nodes, growth)}")


def describe_capacity(nodes: Sequence[Shape], growth: Growth) -> str:
    """`2 x node of 8 CPUs and 1 GPU, and may start type gpu of ...`."""
    counted = [f"{count} x {shape}" for shape, count in Counter(nodes).items()]
    may = [f"may start {shape}" for shape in growth.types]
    unknown = [] if growth.known else ["may grow by nodes that it does not name"]
    return ", ".join([*counted, *may, *unknown]) or "no node"


def count_usable_cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def count_usable_gpus() -> int:
    """GPUs of this machine that CUDA lets this process use, found as Ray finds them."""
    from ray._private.accelerators import get_accelerator_manager_for_resource

    manager = get_accelerator_manager_for_resource("GPU")
    visible = manager.get_current_process_visible_accelerator_ids()
    found: int = manager.get_current_node_num_accelerators()
    return found if visible is None else min(found, _count_valid(visible))


def _count_valid(visible: Sequence[str]) -> int:
    """Entries before the first that names no GPU (`-1`, nothing): CUDA reads no further, and Ray counts them all."""
    names = itertools.takewhile(lambda name: name.strip() and not name.strip().startswith("-"), visible)
    return sum(1 for _ in names)
