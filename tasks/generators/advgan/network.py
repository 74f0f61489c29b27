"""AdvGAN (Xiao et al. 2018, arXiv 1801.02610): generator and discriminator, and how they are trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.generators.advgan.settings import AdvGanGeneratorSettings
from tasks.generators.job import EpochSums, Generator, GeneratorJob
from tasks.seeds import derive_seed
from tasks.without_compiler import leave_out_compiler

GROUPS = 4
"""Of the channels that are normalised together, at most."""


def _normalise(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


def _convolve(before: int, after: int, stride: int = 1) -> nn.Sequential:
    """Normalised over each image alone, so that what an image gets does not depend on its batch."""
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1), _normalise(after), nn.ReLU())


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(_convolve(width, width), nn.Conv2d(width, width, 3, 1, 1), _normalise(width))

    def forward(self, images: Tensor) -> Tensor:
        return F.relu(images + self.inner(images))


class AdvGan(Generator):
    """Images float [N, C, H, W] of [0, 1] -> perturbations of the same shape, of [-1, 1], in units of the budget."""

    def __init__(self, settings: AdvGanGeneratorSettings, image_shape: tuple[int, ...], classes: int) -> None:  # noqa: ARG002
        super().__init__()
        width, channels = settings.width, image_shape[0]
        self.settings = settings
        self.encode = nn.Sequential(_convolve(channels, width), _convolve(width, 2 * width, 2))
        self.change = nn.Sequential(_Residual(2 * width), _Residual(2 * width))
        self.grow = nn.ConvTranspose2d(2 * width, width, 4, 2, 1)
        self.decode = nn.Sequential(_convolve(width, width), nn.Conv2d(width, channels, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Perturbations [N, C, H, W] of images of that shape."""
        height, width = pixels.shape[-2:]
        grown = self.grow(self.change(self.encode(pixels - 0.5)))[..., :height, :width]
        perturbation: Tensor = self.decode(grown).tanh()
        return perturbation

    def fit(self, job: GeneratorJob) -> None:
        """Alternate steps of the discriminator and of the generator, on every batch of training images."""
        target = job.target
        assert target is not None, "its settings say that it needs one"
        settings, device = self.settings, next(self.parameters()).device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(job.seed, "generator", "discriminator"))
            discriminator = _Discriminator(job.images.image_shape[0], settings.width).to(device)
        maker, judge = _Player(self, settings), _Player(discriminator, settings)
        sums = EpochSums(2, device)
        for epoch in range(job.resume(generator=maker, discriminator=judge, sums=sums), settings.epochs):
            for pixels, labels in job.read_epoch(epoch, settings.batch_size):
                changed = perturb(pixels, self(pixels), settings.eps or 0.0)
                judge.step(measure_confusion(discriminator(pixels), discriminator(changed.detach())))
                logits = target(changed)
                loss = settings.adversarial_weight * measure_shortfall(logits, labels, settings.confidence).mean()
                maker.step(loss + measure_strangeness(discriminator(changed)))
                sums.add(len(labels), loss.double() * len(labels), logits.argmax(1).eq(labels).sum())
            rate = maker.lower_rate()
            judge.lower_rate()
            mean, right = sums.take_means()
            job.note_epoch({"epoch": epoch, "train_loss": mean, "train_accuracy": right, "learning_rate": rate})


class _Player:
    """One of the two networks, and what changes it."""

    def __init__(self, network: nn.Module, settings: AdvGanGeneratorSettings) -> None:
        self.network = network
        self.optimizer = leave_out_compiler(torch.optim.Adam)(network.parameters(), settings.lr, (0.5, 0.999))
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.epochs)

    def step(self, loss: Tensor) -> None:
        """Change the weights so that a loss, float [], falls."""
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def lower_rate(self) -> float:
        """The learning rate of the epoch that ends here."""
        rate = float(self.schedule.get_last_lr()[0])
        self.schedule.step()
        return rate

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in vars(self).items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, part in vars(self).items():
            part.load_state_dict(state[name])


class _Discriminator(nn.Module):
    """Logits float [N] of an image being real."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, 2, 1), nn.LeakyReLU(0.2), _convolve(width, 2 * width, 2)
        )
        self.head = nn.Linear(2 * width, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        answer: Tensor = self.head(self.layers(pixels - 0.5).mean((2, 3)))[:, 0]
        return answer


def perturb(pixels: Tensor, perturbations: Tensor, eps: float) -> Tensor:
    """The images moved by so many units of the budget, within [0, 1]; float [N, C, H, W].

    :param perturbations: of [-1, 1], the shape of `pixels`.
    """
    return (pixels + eps * perturbations).clamp(0, 1)


def measure_shortfall(logits: Tensor, labels: Tensor, confidence: float) -> Tensor:
    """By how much the label still leads, at least `-confidence`: the loss f of Carlini and Wagner 2017; float [N].

    :param logits: float [N, classes].
    :param labels: int64 [N].
    """
    own = logits.gather(1, labels[:, None])[:, 0]
    others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
    return (own - others).clamp_min(-confidence)


def measure_confusion(of_real: Tensor, of_made: Tensor) -> Tensor:
    """What the discriminator minimises: cross-entropy of its answers, float [].

    :param of_real: logits of real images being real, float [N].
    :param of_made: the same of perturbed images, float [N].
    """
    return _judge(of_real, 1) + _judge(of_made, 0)


def measure_strangeness(of_made: Tensor) -> Tensor:
    """What the generator minimises beside: cross-entropy of perturbed images being taken for real ones, float [].

    :param of_made: the discriminator's logits of perturbed images being real, float [N].
    """
    return _judge(of_made, 1)


def _judge(answers: Tensor, real: int) -> Tensor:
    """Mean loss of answers [N] that should say real (1) or made (0)."""
    return F.binary_cross_entropy_with_logits(answers, torch.full_like(answers, real))
