"""The models and images of the attack benchmark: real data, trained here, kept as safetensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from tasks.data.images import Images, as_float
from tasks.data.loading import load_splits
from tasks.data.settings import DatasetSettings, SplitSettings
from tasks.models.build import Description, Normalized, build
from tasks.models.settings import ModelSettings


@dataclass(frozen=True)
class Subject:
    """A trained model, and test images that nobody has trained on."""

    name: str
    model: Normalized
    test: Images
    budgets: tuple[float, ...]
    """Linf budgets in pixels of [0, 1]; at the first the model is neither unharmed nor at zero."""
    heat: dict[float, float | None]
    """Budget of a heat map -> how many times as fast as separate runs we mean to be at least."""

    @property
    def small(self) -> bool:
        """Whether hundreds of images take seconds."""
        return self.name.endswith("resnet8")

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """The first images as float [N, C, H, W] in [0, 1], and their labels."""
        return as_float(self.test.pixels[:count]), self.test.labels[:count]


def digits(work: Path) -> Subject:
    """Scikit-learn's digits enlarged: where the targets of the heat map were set."""
    splits = load_splits(DatasetSettings(name="digits", image_size=32, split=SplitSettings(test=0.3)), None)
    model = trained(work / "digits_resnet8.safetensors", "resnet8", splits.train, epochs=12, lr=0.01)
    return Subject("digits, resnet8", model, splits.test, (8 / 255,), {4 / 255: 8.0, 8 / 255: 15.0})


def mnist(folder: Path, work: Path) -> Subject:
    """The small residual network of study B."""
    splits = load_splits(DatasetSettings(name="mnist", image_size=32), folder)
    model = trained(work / "mnist_resnet8.safetensors", "resnet8", splits.train, epochs=1, lr=0.01)
    return Subject("MNIST, resnet8", model, splits.test, (0.06,), {0.03: None, 0.06: None, 0.12: 8.0})


def cifar(source: Path, work: Path, name: str) -> Subject:
    """ResNet-18 with the stem for small images, or the small residual network where time is short.

    :param source: a folder as the data set `cifar10` reads it, or an npz of x_train y_train x_test y_test.
    """
    if source.is_dir():
        splits = load_splits(DatasetSettings(name="cifar10"), source)
        train, test = splits.train, splits.test
    else:
        with np.load(source, allow_pickle=False) as arrays:
            train, test = (_images(arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test"))
    epochs, lr = (2, 0.001) if name == "resnet18" else (6, 0.01)
    model = trained(work / f"cifar_{name}.safetensors", name, train, epochs, lr)
    return Subject(f"CIFAR-10, {name}", model, test, (1 / 255, 8 / 255), {1 / 255: None, 8 / 255: HEAT[name]})


HEAT = {"resnet8": 15.0, "resnet18": 7.0}


def _images(pixels: np.ndarray, labels: np.ndarray) -> Images:
    moved = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    return Images(moved, torch.from_numpy(labels.astype("int64")), tuple(map(str, range(10))))


def trained(file: Path, name: str, images: Images, epochs: int, lr: float) -> Normalized:
    """The model with the weights of the file, or trained now and written there."""
    torch.manual_seed(0)
    model = build(Description.of(ModelSettings(name=name), images.pixels.shape[1], 10))
    if file.exists():
        model.load_state_dict(load_file(file))
        return model.eval()
    steps = epochs * (len(images) // 64)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2 * lr, total_steps=steps)
    for _ in range(epochs):
        for index in torch.randperm(len(images))[: len(images) // 64 * 64].split(64):
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(model(as_float(images.pixels[index])), images.labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, file)
    return model.eval()
