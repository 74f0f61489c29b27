"""Where a stage runs, and how it reads and writes."""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.torch
import torch

from tasks import __version__
from tasks.data.images import Images, Splits
from tasks.data.loading import load_splits
from tasks.errors import name_place
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.fitting import check_answer
from tasks.models.stored import load_stored_model
from tasks.models.weights import load_initial_weights
from tasks.paths import MODEL
from tasks.seeds import derive_seed
from tasks.storage.stage_store import StageStore
from tasks.transfer import fetch
from tasks.trial.chain import Stage

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Context:
    """What does not change the outcome of a stage: paths, device, threads, who asked."""

    store: StageStore
    data_dir: Path | None = None
    device: str = "cpu"
    """torch's name of what stages compute on: whoever starts them says it, and no stage looks for a GPU by itself."""
    threads: int = 1
    sweep_id: str = ""
    on_epoch: Callable[[Stage, dict[str, Any]], None] | None = None
    """Told after each epoch its entry of the history."""

    def get_device(self) -> torch.device:
        """The device that stages run on."""
        return torch.device(self.device)

    def load_data(self, stage: Stage, *parts: Part) -> Splits:
        """The splits of the stage's data set: those that are named on its device, the others on the host."""
        found = load_splits(stage.dataset, self.data_dir)
        device = self.get_device()
        return replace(found, **{part: _load_on_device(stage.dataset, self.data_dir, part, device) for part in parts})

    def load_upstream_model(self, stage: Stage, role: str = "model") -> tuple[Description, NormalizedModel]:
        """The model that the stage builds on, checked against its record.

        :raises CorruptArtifactError: its bytes have changed, or are no model.
        """
        found = load_stored_model(self.store, stage.upstream[role])
        return found.description, place_model(found.model, self.get_device())


@functools.lru_cache(maxsize=2)
def _load_on_device(settings: Any, data_dir: Path | None, part: Part, device: torch.device) -> Images:
    """One split, kept for the next stage of this process: training needs two, an attack one."""
    images: Images = getattr(load_splits(settings, data_dir), part)
    return images.to(device)


def place_model(model: NormalizedModel, device: torch.device) -> NormalizedModel:
    """The model on a device; on CUDA channels-last, as its pixels are, which is how convolutions there are fast."""
    placed = model.to(device)
    return placed.to(memory_format=torch.channels_last) if device.type == "cuda" else placed


def save_model(draft: Path, model: NormalizedModel, description: Description) -> None:
    """Write the weights as safetensors, with the description in the header: enough to build the model again."""
    state = fetch(model.state_dict())
    header = {"description": json.dumps(description.to_json(), sort_keys=True)}
    save_file(draft, MODEL, safetensors.torch.save(state, metadata=header))  # which itself would hide a full disk


def save_file(draft: Path, name: str, content: bytes) -> None:
    """Write a file of a stage."""
    with name_place(draft / name):
        (draft / name).write_bytes(content)


def save_table(draft: Path, name: str, table: pa.Table) -> None:
    """Write a Parquet file."""
    with name_place(draft / name):
        pq.write_table(table, draft / name, compression="zstd")


@functools.lru_cache(maxsize=1)
def collect_versions() -> dict[str, str]:
    """The versions that results may depend on."""
    found = {"python": platform.python_version(), "advsweep": __version__}
    for name in ("torch", "torchvision", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def count_channels(images: Images) -> int:
    """Colours of the images."""
    return images.image_shape[0]


StageOutcome = dict[str, Any]
"""What `stage.json` gains: the model's description and metrics."""


def load_initial_model(stage: Stage, context: Context) -> tuple[Description, NormalizedModel]:
    """The model that a stage starts from: its upstream's, or initial weights drawn from the trial's seed.

    :raises StageError: a new model cannot take the images, or its weights cannot be had.
    """
    if "model" in stage.upstream:
        return context.load_upstream_model(stage)
    images = context.load_data(stage).test
    description = Description.of(stage.model, count_channels(images), len(images.classes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(stage.seed, "weights"))
        model = build_model(description)
        load_initial_weights(model.network, stage.model)
    model = place_model(model, context.get_device())
    check_answer(model, images.image_shape, stage.model.name)
    return description, model
