"""The models and images of the attack benchmark: real data, trained here, kept as safetensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from tasks.data.images import Images, convert_to_float
from tasks.data.loading import load_splits
from tasks.data.settings import DatasetSettings, SplitSettings
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.settings import ModelSettings

SIZE = 32
"""Pixels a side of CIFAR-10."""
ENLARGED = 2000
"""Enlarged images that are trained on."""
SMALL = {"torchattacks": 3.5}
LARGE = {"torchattacks": 3.0, "foolbox": 5.0, "ART": 5.0}
LARGEST = {"torchattacks": 4.0}
"""Peer -> how many times as fast we mean to be at least, at one budget and many steps; by the size of the model
and its images."""


@dataclass(frozen=True)
class Subject:
    """A trained model, and test images that nobody has trained on."""

    name: str
    model: NormalizedModel
    test: Images
    budgets: tuple[float, ...]
    """Linf budgets in pixels of [0, 1]; at the first the model is neither unharmed nor at zero."""
    heat: dict[float, float | None]
    """Budget of a heat map -> how many times as fast as separate runs we mean to be at least."""
    goals: dict[str, float]
    """Peer -> how many times as fast we mean to be at least, at one budget and many steps."""

    @property
    def small(self) -> bool:
        """Whether hundreds of images take seconds."""
        return self.name.endswith("resnet8")

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """The first images as float [N, C, H, W] in [0, 1], and their labels."""
        return convert_to_float(self.test.pixels[:count]), self.test.labels[:count]


def digits(work: Path) -> Subject:
    """Scikit-learn's digits enlarged: where the targets of the heat map were set."""
    splits = load_splits(DatasetSettings(name="digits", image_size=32, split=SplitSettings(test=0.3)), None)
    model = trained(work / "digits_resnet8.safetensors", "resnet8", splits.train, epochs=12, lr=0.01)
    return Subject("digits, resnet8", model, splits.test, (8 / 255,), {4 / 255: 8.0, 8 / 255: 15.0}, SMALL)


def mnist(folder: Path, work: Path) -> Subject:
    """The small residual network of study B."""
    splits = load_splits(DatasetSettings(name="mnist", image_size=32), folder)
    model = trained(work / "mnist_resnet8.safetensors", "resnet8", splits.train, epochs=1, lr=0.01)
    return Subject("MNIST, resnet8", model, splits.test, (0.06,), {0.03: None, 0.06: None, 0.12: 8.0}, SMALL)


def cifar(source: Path, work: Path, name: str, size: int = SIZE) -> Subject:
    """ResNet-18 with the stem for small images, or the small residual network where time is short.

    :param source: a folder as the data set `cifar10` reads it, or an npz of x_train y_train x_test y_test.
    :param size: pixels a side; a ResNet-18 of images that are enlarged has the stem for ImageNet, and sees few of them.
    """
    if source.is_dir():
        splits = load_splits(DatasetSettings(name="cifar10"), source)
        train, test = splits.train, splits.test
    else:
        with np.load(source, allow_pickle=False) as arrays:
            train, test = (_images(arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test"))
    epochs, lr = (2, 0.001) if name == "resnet18" else (6, 0.01)
    title, stem, goals = name, "cifar", SMALL if name == "resnet8" else LARGE
    if size != SIZE:
        train, test = _enlarged(train, ENLARGED, size), _enlarged(test, 64, size)
        title, stem, goals = f"{name} at {size} pixels", "imagenet", LARGEST
    model = trained(work / f"cifar_{title.replace(' ', '_')}.safetensors", name, train, epochs, lr, stem)
    heat: dict[float, float | None] = {1 / 255: None, 8 / 255: 15.0 if name == "resnet8" else 7.0}
    return Subject(f"CIFAR-10, {title}", model, test, (1 / 255, 8 / 255), heat, goals)


def _enlarged(images: Images, count: int, size: int) -> Images:
    pixels = F.interpolate(images.pixels[:count].float(), size=(size, size), mode="bilinear", antialias=True)
    return Images(pixels.round().clamp(0, 255).to(torch.uint8), images.labels[:count], images.classes)


def _images(pixels: np.ndarray, labels: np.ndarray) -> Images:
    moved = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    return Images(moved, torch.from_numpy(labels.astype("int64")), tuple(map(str, range(10))))


def trained(file: Path, name: str, images: Images, epochs: int, lr: float, stem: str = "cifar") -> NormalizedModel:
    """The model with the weights of the file, or trained now and written there."""
    torch.manual_seed(0)
    model = build_model(Description.of(ModelSettings(name=name, stem=stem), images.pixels.shape[1], 10))
    if file.exists():
        model.load_state_dict(load_file(file))
        return model.eval()
    steps = epochs * (len(images) // 64)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2 * lr, total_steps=steps)
    for _ in range(epochs):
        for index in torch.randperm(len(images))[: len(images) // 64 * 64].split(64):
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(model(convert_to_float(images.pixels[index])), images.labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, file)
    return model.eval()
