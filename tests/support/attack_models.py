"""Models whose smallest perturbations are known in closed form, and images for them."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.fast_model import PROBE_IMAGES, prepare_model
from tasks.attacks.engine.job import AttackJob, load_attack
from tasks.data.images import Images, Splits, convert_to_float
from tasks.data.loading import load_splits
from tasks.data.settings import DatasetSettings
from tasks.evaluation.settings import AttackSettings
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.settings import ModelSettings
from tasks.without_compiler import leave_out_compiler
from tests.support.made_once import SHARED, make_once

torch.set_num_threads(1)  # more are slower for models of this size

SIDE = 4
CLASSES = tuple("abcd")


class Linear(nn.Module):
    """Class a against class b by a hyperplane; classes c and d are never said."""

    def __init__(self) -> None:
        super().__init__()
        drawn = torch.Generator().manual_seed(3)
        weight = torch.rand(SIDE * SIDE, generator=drawn) + 0.2
        signs = torch.randint(0, 2, weight.shape, generator=drawn) * 2 - 1
        self.weight = nn.Parameter(weight * signs)
        self.offset = nn.Parameter(0.5 * self.weight.detach().sum())

    def forward(self, pixels: Tensor) -> Tensor:
        score = (pixels.flatten(1) * self.weight).sum(1) - self.offset
        return torch.stack([score, -score, score * 0 - 50, score * 0 - 60], 1)

    def distances(self, pixels: Tensor, norm: str) -> Tensor:
        """The size of the smallest perturbation that changes the class of each image [N, 1, 4, 4]; [N]."""
        score = ((pixels.flatten(1) * self.weight).sum(1) - self.offset).detach().abs()
        dual = {"linf": self.weight.abs().sum(), "l2": self.weight.norm(), "l1": self.weight.abs().max()}
        distance: Tensor = score / dual[norm].detach()
        return distance

    def fewest(self, pixels: Tensor) -> Tensor:
        """The smallest number of values whose change within [0, 1] changes the class; int [N]."""
        flat = pixels.flatten(1)
        score = (flat * self.weight).sum(1) - self.offset
        push = -score.sign()[:, None] * self.weight
        gain = push.abs() * torch.where(push > 0, 1 - flat, flat)
        gained = gain.sort(dim=1, descending=True).values.cumsum(1)
        count: Tensor = (gained <= score.abs()[:, None]).sum(1) + 1
        return count


def linear_images(count: int = 12) -> Images:
    """Images around grey, labelled as the linear model says."""
    pixels = torch.randint(95, 160, (count, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(5))
    pixels = pixels.to(torch.uint8)
    return Images(pixels, Linear()(convert_to_float(pixels)).argmax(1), CLASSES)


@lru_cache
def digits() -> Splits:
    """scikit-learn's digits at 8 x 8 pixels."""
    return load_splits(DatasetSettings(name="digits"), None)


@lru_cache
def network(seed: int = 0) -> nn.Module:
    """A small residual network, trained on digits for a second or two: once in a run of the tests."""
    if SHARED not in os.environ:
        return train_quickly(digits().train, seed)

    def train(folder: Path) -> None:
        trained = train_quickly(digits().train, seed).state_dict()
        safetensors.torch.save_file({name: weight.contiguous() for name, weight in trained.items()}, folder / WEIGHTS)

    weights = safetensors.torch.load_file(make_once(["network of attacks", seed], train) / WEIGHTS)
    model = build_model(RESNET8)
    model.load_state_dict(weights)
    return model.eval()


RESNET8 = Description.of(ModelSettings(name="resnet8"), 1, 10)
WEIGHTS = "weights.safetensors"


def train_quickly(images: Images, seed: int = 0) -> nn.Module:
    """A small residual network after five epochs in double precision.

    In single precision each kind of processor rounds its way to other weights, and tests of what attacks find would
    hold on some of them alone.
    """
    torch.manual_seed(seed)
    model = build_model(RESNET8).double()
    optimizer = leave_out_compiler(torch.optim.Adam)(model.parameters(), 0.01)
    for _ in range(5):
        for index in torch.randperm(len(images)).split(64):
            loss = F.cross_entropy(model(convert_to_float(images.pixels[index]).double()), images.labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.float().eval()


def network_images(model: nn.Module, count: int = 24) -> Images:
    """Test images, labelled as the network says."""
    pixels = digits().test.pixels[:count]
    with torch.no_grad():
        labels = model(convert_to_float(pixels)).argmax(1)
    return Images(pixels, labels, digits().test.classes)


def settings(**raw: object) -> AttackSettings:
    """As they would be read from a file, in their canonical form."""
    return AttackSettings.model_validate(raw).simplify()


@lru_cache(maxsize=4)
def prepare_once(model: nn.Module, precision: str) -> AttackedModel:
    """A network of digits as attacks are given it: neither they nor the tests change its weights."""
    return prepare_model(model, convert_to_float(digits().test.pixels[:PROBE_IMAGES]), precision)


def job_of(
    model: nn.Module, images: Images, counts: tuple[int, ...], *, stop: bool = True, precision: str = "fp32"
) -> AttackJob:
    """All images as one batch."""
    clean = convert_to_float(images.pixels)
    is_of_digits = isinstance(model, NormalizedModel) and clean.shape[1:] == (1, 8, 8)
    target = prepare_once(model, precision) if is_of_digits else prepare_model(model, clean, precision)
    return AttackJob(target, clean, images.labels, counts, torch.arange(len(images)), stop_when_fooled=stop)


QUICK_SETTINGS: dict[str, dict[str, Any]] = {
    "carlini_wagner": {"steps": 20, "binary_search_steps": 3},
    "ead": {"steps": 20, "binary_search_steps": 3},
    "square": {"steps": 60},
    "rays": {"steps": 40},
    "fab": {"steps": 5},
    "fab_t": {"steps": 5},
    "apgd_t": {"steps": 20, "targets": 3},
    "apgd_ce": {"steps": 20},
    "uniform": {"draws": 3},
    "ddn": {"steps": 40},
    "fmn": {"steps": 40},
    "pdpgd": {"steps": 40},
    "sigma_zero": {"steps": 40},
}
"""Settings with which an attack takes little time on the network."""
EPS = {"linf": 0.1, "l2": 0.8, "l1": 3.0}
"""Norm -> a budget that is large for the network."""
HALF = {"linf": 0.06, "l2": 0.4, "l1": 1.0}
"""Norm -> a budget at which about half of the network's images survive a strong attack."""


def craft(job: AttackJob, cell: AttackSettings) -> Tensor:
    """The images [N, C, H, W] of an attack after the last step count that the job asks for."""
    return load_attack(cell.method)(job, cell.method)[max(job.step_counts)]


def count_passes(job: AttackJob) -> tuple[AttackJob, dict[str, int]]:
    """The job on a model that counts the images it sees, and those whose gradient is asked for."""
    asked = {"forward": 0, "backward": 0}

    class Counting(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            asked["forward"] += len(pixels)
            logits: Tensor = job.model.judge(pixels)
            if logits.requires_grad:

                def seen(gradient: Tensor) -> None:
                    asked["backward"] += len(gradient)

                logits.register_hook(seen)
            return logits

    model = Counting()
    target = AttackedModel(model, model, job.model.original)
    return AttackJob(target, job.clean, job.labels, job.step_counts, job.index), asked
