"""Small data sets, trials and stores that several test files share."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from tasks.data.source import inspect_dataset
from tasks.models.build import Description, NormalizedModel, build_with_weights
from tasks.stages.context import Context
from tasks.stages.run import run_chain
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tasks.trial.chain import Stage, build_chain
from tasks.trial.trial import Trial, simplify_trial
from tests.support.checkout import ROOT

SGD = {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-3}
FEW = {"name": "digits", "train_examples": 100}
"""Half as many images as `trial` takes where none are named."""
NO_ATTACK = {"name": "fgsm", "eps": 0.0, "examples": 50}


def trial(**sections: Any) -> Trial:
    """A trial on 200 digits with resnet8 whose attack costs nothing, changed as the sections say."""
    config = {
        "dataset": {"name": "digits", "train_examples": 200},
        "model": {"name": "resnet8"},
        "train": {"epochs": 1, "batch_size": 50, "optimizer": SGD},
        "attack": NO_ATTACK,
    }
    return simplify_trial(Trial.model_validate(config | sections))


def context(folder: Path, data_dir: Path | None = None) -> Context:
    """A stage store below a folder, on the CPU."""
    return Context(StageStore(open_storage(folder)), data_dir, "cpu")


def stages_of(asked: Trial, data_dir: Path | None = None) -> tuple[Stage, ...]:
    """The chain of a trial."""
    return build_chain(asked, inspect_dataset(asked.dataset, data_dir).fingerprint)


def run(asked: Trial, at: Context) -> list[dict[str, Any]]:
    """The records of the trial's chain."""
    return list(run_chain(stages_of(asked, at.data_dir), at).values())


def weights(record: dict[str, Any], at: Context) -> dict[str, Tensor]:
    """The tensors that a model stage published."""
    found: dict[str, Tensor] = safetensors.torch.load(at.store.read_model(record["key"])[1])
    return found


def model_of(record: dict[str, Any], at: Context) -> NormalizedModel:
    """The model that a stage published, in evaluation mode."""
    return build_with_weights(Description(**record["model"]), weights(record, at)).eval()


def write_idx(path: Path, array: NDArray[np.uint8], zipped: bool = True) -> None:
    """An IDX file of bytes."""
    header = b"\0\0\x08" + bytes([array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = header + array.tobytes()
    if zipped:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, mtime=0))
    else:
        path.write_bytes(content)


def write_mnist(folder: Path, title: str = "MNIST", *, train: int = 40, test: int = 20, zipped: bool = True) -> None:
    """Random images in MNIST's layout."""
    draw = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        images = draw.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        write_idx(folder / title / "raw" / f"{part}-images-idx3-ubyte", images, zipped)
        write_idx(
            folder / title / "raw" / f"{part}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8), zipped
        )


def write_images(folder: Path, classes: tuple[str, ...], per_class: int, suffix: str = ".png") -> None:
    """A folder per class with images of 20x24 pixels whose brightness tells the class."""
    draw = np.random.default_rng(len(classes))
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            level = 40 + label * 150 // max(1, len(classes) - 1)
            pixels = (level + draw.integers(0, 50, (24, 20, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:03d}{suffix}")


def real_data(name: str) -> Path:
    """A folder of real data: below `$ADVSWEEP_TEST_DATA`, or below `shared/data` beside the checkout; else skip."""
    beside = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("ADVSWEEP_TEST_DATA") or beside) / name
    if not folder.is_dir():
        pytest.skip(f"no {name} data: set ADVSWEEP_TEST_DATA to a folder that holds {name}/")
    return folder
