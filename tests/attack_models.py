"""Models whose smallest perturbations are known in closed form, and images for them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.attacks.crafting import Job
from tasks.attacks.prepare import prepare
from tasks.attacks.settings import AttackSettings
from tasks.data.images import Images, as_float
from tasks.models.build import Description, build
from tasks.models.settings import ModelSettings

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
        return score / dual[norm].detach()

    def fewest(self, pixels: Tensor) -> Tensor:
        """The smallest number of values whose change within [0, 1] changes the class; int [N]."""
        flat = pixels.flatten(1)
        score = (flat * self.weight).sum(1) - self.offset
        push = -score.sign()[:, None] * self.weight
        gain = push.abs() * torch.where(push > 0, 1 - flat, flat)
        gained = gain.sort(dim=1, descending=True).values.cumsum(1)
        return (gained <= score.abs()[:, None]).sum(1) + 1


def linear_images(count: int = 12) -> Images:
    """Images around grey, labelled as the linear model says."""
    pixels = torch.randint(95, 160, (count, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(5))
    pixels = pixels.to(torch.uint8)
    return Images(pixels, Linear()(as_float(pixels)).argmax(1), CLASSES)


def network(seed: int = 0) -> nn.Module:
    """A small residual network with random weights and settled batch norm, ten classes, 12 x 12 pixels."""
    torch.manual_seed(seed)
    model = build(Description.of(ModelSettings(name="resnet8"), 1, 10))
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(as_float(network_pixels(64)))
    return model.eval()


def network_pixels(count: int) -> Tensor:
    """uint8 [N, 1, 12, 12]."""
    drawn = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (count, 1, 12, 12), generator=drawn).to(torch.uint8)


def network_images(model: nn.Module, count: int = 24) -> Images:
    """Images labelled as the network says."""
    pixels = network_pixels(count)
    with torch.no_grad():
        labels = model(as_float(pixels)).argmax(1)
    return Images(pixels, labels, tuple("0123456789"))


def settings(**raw: object) -> AttackSettings:
    """As they would be read from a file, in their canonical form."""
    return AttackSettings.model_validate(raw).normalized()


def job_of(
    model: nn.Module, images: Images, counts: tuple[int, ...], *, stop: bool = True, precision: str = "fp32"
) -> Job:
    """All images as one batch."""
    index = torch.arange(len(images))
    return Job(
        prepare(model, precision), as_float(images.pixels), images.labels, counts, index, stop_when_fooled=stop
    )
