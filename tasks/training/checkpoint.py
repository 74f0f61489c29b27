"""The state of a stage between two steps: everything that the rest of the run depends on, without pickle.

One safetensors file: tensors of the model, the optimizer and the random generators; numbers and the history as JSON
in its header. The order of the next epoch follows from the state of its generator.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from tasks.schema import HISTORY
from tasks.storage.storage import Storage
from tasks.storage.write_behind import WriteBehind
from tasks.training.averaging import WeightAverage
from tasks.training.partial_epoch import PartialEpoch
from tasks.transfer import fetch

AVERAGED = "average/count"
"""Where a checkpoint has the number of states that the average is of."""

KERNELS = ("foreach", "fused")
"""What an optimizer's groups say of how steps are computed, which is a matter of the device."""


@dataclass
class TrainingProgress:
    """A stage in progress."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    draw: torch.Generator
    """Draws the order of an epoch, augmentation and random starts."""
    history: list[dict[str, Any]]
    """One entry per finished epoch."""
    best: dict[str, Tensor] | None = None
    """The weights of the best epoch so far, where these are to be kept."""
    average: WeightAverage | None = None
    """The average of the weights, where one is asked for."""
    partial: PartialEpoch | None = None
    """The epoch that has begun and is not finished."""
    since: float = 0.0
    """When it began or went on, by the monotonic clock."""

    @property
    def epoch(self) -> int:
        """How many epochs are finished."""
        return len(self.history)

    @property
    def most_bytes(self) -> int:
        """What a checkpoint of this model may have: an optimizer keeps up to two more tensors of each."""
        model: int = sum(value.numel() * value.element_size() for value in self.model.state_dict().values())
        return 8 * model + 100_000_000

    @property
    def seconds(self) -> float:
        """What the epoch in progress has taken so far."""
        return (self.partial.seconds if self.partial else 0.0) + time.monotonic() - self.since

    def finish_epoch(self, entry: dict[str, Any]) -> None:
        """Note an epoch that is finished; `entry` is a row of the history without its seconds."""
        self.history.append(entry | {"seconds": self.seconds})
        self.partial = None

    def save(self, storage: Storage | WriteBehind, name: str) -> None:
        """Write the checkpoint whole, replacing the one before; training may go on as soon as this returns."""
        state = self.optimizer.state_dict()
        tensors = {f"model/{key}": value for key, value in self.model.state_dict().items()}
        plain: dict[str, Any] = {}
        for place, entries in state["state"].items():
            for key, value in entries.items():
                (tensors if isinstance(value, Tensor) else plain)[f"optimizer/{place}/{key}"] = value
        tensors |= {f"best/{key}": value for key, value in (self.best or {}).items()}
        tensors |= {f"random/{key}": value for key, value in collect_random_states(self.draw).items()}
        if self.average:
            tensors |= {f"average/{key}": value for key, value in self.average.tensors.items()}
            plain[AVERAGED] = self.average.count
        if self.partial:
            tensors |= {f"partial/{key}": value for key, value in self.partial.list_tensors().items()}
            plain |= {"partial/steps": self.partial.steps, "partial/seconds": self.seconds}
        header = {"history": self.history, "groups": state["param_groups"], "plain": plain}
        storage.write(name, safetensors.torch.save(fetch(tensors), {"progress": json.dumps(header)}))

    def restore(self, content: bytes) -> None:
        """Continue where a checkpoint stands.

        :raises ValueError: the content is no checkpoint of this model.
        """
        tensors, header = unpack_checkpoint(content)
        model, optimizer = copy.deepcopy((self.model.state_dict(), self.optimizer.state_dict()))
        random = collect_random_states(self.draw)
        try:
            self._apply(tensors, header)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            self.model.load_state_dict(model)
            self.optimizer.load_state_dict(optimizer)
            set_random_states(random, self.draw)
            raise ValueError("the checkpoint is of another model") from error

    def _apply(self, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
        """Take over what a checkpoint holds; an error may leave a part of it behind."""
        pa.Table.from_pylist([dict(entry) for entry in header["history"]], schema=HISTORY)
        self.model.load_state_dict(select_below(tensors, "model/"), strict=True)
        state: dict[int, dict[str, Any]] = {}
        for name, value in {
            **select_below(tensors, "optimizer/"),
            **select_below(header["plain"], "optimizer/"),
        }.items():
            place, key = name.split("/", 1)
            state.setdefault(int(place), {})[key] = value
        parameters = self._list_parameters()
        for number, entries in state.items():
            entries.update({key: _lay_out_like(parameters[number], value) for key, value in entries.items()})
        self.optimizer.load_state_dict({"state": state, "param_groups": self._adapt_groups(header["groups"])})
        set_random_states(select_below(tensors, "random/"), self.draw)
        self.history[:] = header["history"]
        self.best = select_below(tensors, "best/") or None
        device = next(self.model.parameters()).device
        numbers = select_below(header["plain"], "partial/")
        restored = PartialEpoch.restore(select_below(tensors, "partial/"), numbers, device) if numbers else None
        self.partial = restored
        if self.average:
            averaged = select_below(tensors, "average/")
            self.average.count = header["plain"][AVERAGED]
            self.average.tensors = {key: value.to(device) for key, value in averaged.items()}

    def _list_parameters(self) -> list[Tensor]:
        """The optimizer's, in the order in which its state counts them."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def _adapt_groups(self, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The optimizer's groups as they were saved, with the kernels that fit the device that it is on now."""
        own = [{name: group[name] for name in KERNELS if name in group} for group in self.optimizer.param_groups]
        return [{**group, **kernels} for group, kernels in zip(groups, own, strict=True)]


def _lay_out_like(parameter: Tensor, kept: Any) -> Any:
    """What an optimizer keeps of a parameter, in its strides: a fused step refuses any others, a file has plain ones.

    :param kept: returned as it is unless it is a tensor of the parameter's shape.
    """
    if not isinstance(kept, Tensor) or kept.shape != parameter.shape:
        return kept
    return torch.empty_like(parameter, dtype=kept.dtype, device=kept.device).copy_(kept)


def unpack_checkpoint(content: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a checkpoint by name, of any shapes [...], and the JSON in its header.

    :raises ValueError: it cannot be read.
    """
    try:
        tensors = safetensors.torch.load(content)
        size = int.from_bytes(content[:8], "little")
        header = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["progress"])
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("the checkpoint cannot be read") from error
    return tensors, header


def select_below(entries: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Those whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in entries.items() if name.startswith(prefix)}


def collect_random_states(draw: torch.Generator | None = None) -> dict[str, Tensor]:
    """The states of torch's random numbers by name, bytes [N], and that of a stage's own."""
    states = {"torch": torch.get_rng_state()} | ({"draw": draw.get_state()} if draw else {})
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: Mapping[str, Tensor], draw: torch.Generator | None = None) -> None:
    """Go on where `collect_random_states` stood.

    :param states: bytes [N] each.
    """
    if draw:
        draw.set_state(states["draw"])
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
