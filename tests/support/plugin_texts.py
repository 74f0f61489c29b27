"""Parts as a user writes them, a text for each kind."""

from __future__ import annotations

from pathlib import Path

MODEL = """
import advsweep
from torch import nn
from lab_layers import WIDTH

@advsweep.model("tiny_cnn")
def tiny_cnn(channels, classes, stem="cifar"):
    features = [nn.Conv2d(channels, WIDTH, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()]
    return nn.Sequential(*features, nn.Linear(16 * WIDTH, classes))
"""
DATASET = """
import torch
import advsweep

@advsweep.dataset("stripes")
def stripes(settings, folder):
    draw, labels = torch.Generator().manual_seed(0), torch.arange(150) % 2
    pixels = torch.randint(0, 90, (150, 1, 12, 12), generator=draw).byte()
    pixels[labels == 1, :, ::2] += 160
    return (pixels[:100], labels[:100]), (pixels[100:], labels[100:]), ("plain", "striped")
"""
ATTACK = """
from typing import Literal
import advsweep

class Darken(advsweep.Settings):
    name: Literal["darken"] = advsweep.keyed("darken")
    eps: advsweep.Number = advsweep.keyed(ge=0)

@advsweep.attack("darken", settings=Darken)
def darken(job, settings):
    return (job.clean - settings.eps).clamp(0, 1)
"""
OBJECTIVE = """
from typing import Literal
from torch.nn import functional as F
import advsweep

class MarginLoss(advsweep.Settings):
    name: Literal["margin"] = advsweep.keyed("margin")
    least: float = advsweep.keyed(1.0, gt=0)

@advsweep.objective("margin", settings=MarginLoss)
def margin(settings):
    def assess(model, batch, generator):
        logits = model(batch.pixels)
        right = logits.argmax(1).eq(batch.labels).float().mean()
        return F.multi_margin_loss(logits, batch.labels, margin=settings.least), right
    return assess
"""
IMPORTANCE = """
import advsweep

@advsweep.importance("spread")
def spread(weight, generator):
    return weight.flatten(1).std(1, correction=0)
"""
GENERATOR = """
import advsweep, torch
from typing import Literal

class Dim(advsweep.Settings):
    name: Literal["dim"] = advsweep.keyed("dim")
    epochs: advsweep.Count = advsweep.keyed(1, ge=1)

@advsweep.generator("dim", settings=Dim)
class Dimmer(advsweep.Generator):
    def __init__(self, settings, image_shape, classes):
        super().__init__()
        self.light = torch.nn.Parameter(torch.zeros(image_shape))
    def forward(self, pixels):
        return -self.light.tanh().expand_as(pixels)
    def fit(self, job):
        self.light.data += sum(pixels.sum(0) for pixels, _ in job.read_epoch(0, 25))
        job.note_epoch({"epoch": 0})
"""
WAITING = """
import time
from typing import Literal
import advsweep

class Waiting(advsweep.Settings):
    name: Literal["waiting"] = advsweep.keyed("waiting")

@advsweep.objective("waiting", settings=Waiting)
def waiting(settings):
    def assess(model, batch, generator):
        time.sleep(600)
    return assess
"""
"""A training that goes on until it is ended, and computes nothing."""
LAYERS = "WIDTH = 8\n"
PARTS = {
    "model": MODEL, "dataset": DATASET, "attack": ATTACK, "objective": OBJECTIVE, "importance": IMPORTANCE,
    "generator": GENERATOR,
}  # fmt: skip

SPACE = """
description: everything of my own
dataset: {name: stripes, image_size: 16}
model: {name: tiny_cnn}
train: {epochs: 1, batch_size: 20, optimizer: {name: sgd, lr: 0.05}}
prune: {ratio: 0.25, importance: spread}
finetune: {epochs: 1, batch_size: 20, optimizer: {name: sgd, lr: 0.01}, objective: {name: margin, least: 0.5}}
attack:
  grid_search:
    - {name: darken, eps: 51/255}
    - {name: ifgsm, eps: 0.2, steps: 2}
    - {name: advgan, eps: 0.2, generator: {name: dim}}
"""


def write_parts(folder: Path) -> list[Path]:
    """A file for each kind, and one that the model imports from beside itself; the files to be given as plugins."""
    files = [folder / f"lab_{kind}.py" for kind in PARTS]
    for file, text in zip(files, PARTS.values(), strict=True):
        file.write_text(text)
    (folder / "lab_layers.py").write_text(LAYERS)
    return files
