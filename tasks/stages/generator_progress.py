"""How far the training of a generator is, kept in a checkpoint: after each epoch, and from time to time within one.

One safetensors file without pickle: tensors of everything that the generator named as its state, and the random
numbers of torch; the rest as JSON in the header.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import safetensors.torch
from torch import Tensor

from tasks.errors import MisplacedError, StageError
from tasks.generators.job import Stateful
from tasks.schema import HISTORY
from tasks.storage.storage import Storage
from tasks.storage.write_behind import WriteBehind
from tasks.training.checkpoint import collect_random_states, select_below, set_random_states, unpack_checkpoint
from tasks.transfer import fetch

TENSOR, ENTRIES = "tensor", "entries"
"""What stands in the JSON for a tensor, with its name, and for a mapping, whose keys need not be texts."""
DAMAGE = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)
"""What is raised by a state that does not fit."""


@dataclass
class GeneratorProgress:
    """The training of one generator between two steps."""

    storage: Storage
    behind: WriteBehind
    name: str
    """Of the checkpoint."""
    every: float
    """Seconds between checkpoints within an epoch."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """One entry per finished epoch."""
    batches: int = 0
    """Those that are done of the epoch in progress."""
    saved_batches: int = 0
    """As many of them as a checkpoint has saved, until the epoch is read."""
    resumed_from: int = 0
    """How many epochs a checkpoint has saved."""
    parts: dict[str, Stateful] = field(default_factory=dict)
    """Empty where the generator names no state: then there are no checkpoints."""
    _readings: int = 0
    """How often the images of the epoch in progress were read."""
    _spent: float = 0.0
    """Seconds of the epoch in progress before `_since`."""
    _since: float = field(default_factory=time.monotonic)
    _saved_at: float = field(default_factory=time.monotonic)

    def resume(self, parts: Mapping[str, Stateful]) -> int:
        """Restore the checkpoint, if one stands and is whole."""
        self.parts = dict(parts)
        try:
            self._restore(self.storage.read(self.name, self._most_bytes))
        except FileNotFoundError:
            return 0
        except (ValueError, MisplacedError):
            self.storage.remove(self.name)  # cut short by a full disk, say: the stage starts anew
            return 0
        self.resumed_from = len(self.history)
        return self.resumed_from

    def begin_reading(self) -> None:
        """From now on nothing is left out, even where a generator reads the images of an epoch again."""
        self.saved_batches = 0
        self._readings += 1

    def note_batch(self, batches: int) -> None:
        """Save what is done of an epoch, where it is time to; where the images are read again, this has to wait for the
        end of the epoch."""
        if self._readings == 1 and time.monotonic() - self._saved_at >= self.every:
            self.batches = batches
            self.save()

    def finish_epoch(self, entry: dict[str, Any]) -> None:
        """Note an epoch that is finished, and save; `entry` is a row of the history without its seconds."""
        self.history.append(entry | {"seconds": self._seconds})
        self.batches, self._readings, self._spent, self._since = 0, 0, 0.0, time.monotonic()
        self.save()

    @property
    def _seconds(self) -> float:
        """What the epoch in progress has taken so far."""
        return self._spent + time.monotonic() - self._since

    @property
    def _most_bytes(self) -> int:
        """What a checkpoint may have: an optimizer keeps up to two more tensors of each of its network."""
        tensors: dict[str, Tensor] = {}
        for name, part in self.parts.items():
            _set_aside(part.state_dict(), name, tensors)
        return 8 * sum(value.numel() * value.element_size() for value in tensors.values()) + 100_000_000

    def save(self) -> None:
        """Write the checkpoint whole, replacing the one before; training may go on as soon as this returns.

        :raises StageError: a part's state is not of tensors and plain values.
        """
        if not self.parts:
            return
        tensors: dict[str, Tensor] = {}
        parts = {name: _set_aside(part.state_dict(), f"part/{name}", tensors) for name, part in self.parts.items()}
        tensors |= {f"random/{name}": value for name, value in collect_random_states().items()}
        header = {"history": self.history, "batches": self.batches, "seconds": self._seconds, "parts": parts}
        try:
            text = json.dumps(header)
        except (TypeError, ValueError) as error:
            raise StageError(f"a generator's state must be of tensors and plain values: {error}") from error
        copies = {name: value.clone() for name, value in fetch(tensors).items()}  # two parts may hold one tensor
        self.behind.write(self.name, safetensors.torch.save(copies, {"progress": text}))
        self._saved_at = time.monotonic()

    def _restore(self, content: bytes) -> None:
        """:raises ValueError: the content is no checkpoint of these parts, which are left as they were."""
        tensors, header = unpack_checkpoint(content)
        before = copy.deepcopy({name: dict(part.state_dict()) for name, part in self.parts.items()})
        try:
            pa.Table.from_pylist([dict(entry) for entry in header["history"]], schema=HISTORY)
            states = {name: _put_back(header["parts"][name], tensors) for name in self.parts}
            for name, part in self.parts.items():
                part.load_state_dict(states[name])
            batches, spent = int(header["batches"]), float(header["seconds"])
            set_random_states(select_below(tensors, "random/"))
        except DAMAGE as error:
            for name, part in self.parts.items():
                part.load_state_dict(before[name])
            raise ValueError("the checkpoint is of another generator") from error
        self.history[:] = header["history"]
        self.batches = self.saved_batches = batches
        self._spent, self._since = spent, time.monotonic()


def _set_aside(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """What stands for a value in JSON; its tensors, by their names, are added to `tensors`."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {TENSOR: name}
    if isinstance(value, Mapping):
        return {ENTRIES: [[key, _set_aside(each, f"{name}/{key}", tensors)] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_set_aside(each, f"{name}/{place}", tensors) for place, each in enumerate(value)]
    return value


def _put_back(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The value that `_set_aside` has taken apart; tuples have become lists."""
    if isinstance(value, list):
        return [_put_back(each, tensors) for each in value]
    if isinstance(value, dict):
        return (
            tensors[value[TENSOR]]
            if TENSOR in value
            else {key: _put_back(each, tensors) for key, each in value[ENTRIES]}
        )
    return value
