"""A denoiser (Ho et al. 2020, arXiv 2006.11239): network, schedule, and how an image is noised and denoised."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tasks.generators.denoiser.settings import DenoiserSettings
from tasks.generators.job import EpochSums, Generator, GeneratorJob
from tasks.transfer import send
from tasks.without_compiler import leave_out_compiler

GROUPS = 4
"""Of the channels that are normalised together, at most."""
FREQUENCIES = 8
DECAY = 0.995
"""Of the average of the weights, in steps."""
LEAST_SIGNAL = 1e-3
"""Share of the variance at the end of the diffusion: the noise alone would tell nothing."""


def compute_signal(time: Tensor) -> Tensor:
    """Share of an image's variance that is signal at a time of [0, 1], from 1 down; the shape of `time`."""
    return (time * math.pi / 2).cos().square().clamp_min(LEAST_SIGNAL)


def _normalise(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


class _Block(nn.Module):
    """Two convolutions, the features between them scaled and moved by the time."""

    def __init__(self, before: int, after: int, embedded: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(before, after, 3, 1, 1), _normalise(after))
        self.second = nn.Sequential(nn.Conv2d(after, after, 3, 1, 1), _normalise(after), nn.SiLU())
        self.time = nn.Linear(embedded, 2 * after)
        self.around = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, features: Tensor, embedded: Tensor) -> Tensor:
        scale, shift = self.time(embedded)[..., None, None].chunk(2, 1)
        inner = F.silu(self.first(features) * (1 + scale) + shift)
        mixed: Tensor = self.second(inner) + self.around(features)
        return mixed


class Denoiser(Generator):
    """Noisy images float [N, C, H, W], around zero, and the share of signal, float [N] or [1] -> the noise in them."""

    def __init__(self, settings: DenoiserSettings, image_shape: tuple[int, ...], classes: int) -> None:  # noqa: ARG002
        super().__init__()
        width, channels, embedded = settings.width, image_shape[0], 4 * settings.width
        self.settings = settings
        self.embed = nn.Sequential(nn.Linear(2 * FREQUENCIES, embedded), nn.SiLU())
        self.enter = nn.Conv2d(channels, width, 3, 1, 1)
        self.fine = _Block(width, width, embedded)
        self.shrink = nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.middle = _Block(2 * width, 2 * width, embedded)
        self.shrink_more = nn.Conv2d(2 * width, 4 * width, 3, 2, 1)
        self.coarse = _Block(4 * width, 4 * width, embedded)
        self.grow = nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1)
        self.middle_again = _Block(4 * width, 2 * width, embedded)
        self.grow_more = nn.ConvTranspose2d(2 * width, width, 4, 2, 1)
        self.fine_again = _Block(2 * width, width, embedded)
        self.leave = nn.Conv2d(width, channels, 3, 1, 1)

    def forward(self, noisy: Tensor, signal: Tensor) -> Tensor:
        """The noise in images [N, C, H, W] whose share of signal is [N], or [1] for all."""
        ratio = (signal.clamp(1e-4, 1 - 1e-4).logit() / 10)[:, None]
        waves = ratio * 2.0 ** torch.arange(FREQUENCIES, device=noisy.device)
        embedded = self.embed(torch.cat([waves.sin(), waves.cos()], 1))
        fine = self.fine(self.enter(noisy), embedded)
        middle = self.middle(self.shrink(fine), embedded)
        coarse = self.coarse(self.shrink_more(middle), embedded)
        middle = self.middle_again(_join(self.grow(coarse), middle), embedded)
        fine = self.fine_again(_join(self.grow_more(middle), fine), embedded)
        noise: Tensor = self.leave(fine)
        return noise

    def fit(self, job: GeneratorJob) -> None:
        """Adam on the mean squared error of the noise, at a time of its own for each image."""
        settings = self.settings
        optimizer = leave_out_compiler(torch.optim.Adam)(self.parameters(), settings.lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs)
        average = AveragedModel(self, multi_avg_fn=get_ema_multi_avg_fn(DECAY))
        sums = EpochSums(1, next(self.parameters()).device)
        finished = job.resume(network=self, optimizer=optimizer, schedule=schedule, average=average, sums=sums)
        for epoch in range(finished, settings.epochs):
            times = torch.rand(len(job.images), generator=job.make_generator("times", epoch)).split(settings.batch_size)
            for batch, (pixels, _) in enumerate(job.read_epoch(epoch, settings.batch_size), job.finished_batches):
                signal = send(compute_signal(times[batch]), pixels.device)
                noise = job.draw_normal(pixels, epoch, batch)
                loss = F.mse_loss(self(add_noise(pixels, noise, signal), signal), noise)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                average.update_parameters(self)
                sums.add(len(pixels), loss.double() * len(pixels))
            rate = schedule.get_last_lr()[0]
            schedule.step()
            job.note_epoch({"epoch": epoch, "train_loss": sums.take_means()[0], "learning_rate": rate})
        self.load_state_dict(average.module.state_dict())


def _join(grown: Tensor, like: Tensor) -> Tensor:
    """Both side by side; what was grown from an odd size has a line too many."""
    return torch.cat([grown[..., : like.shape[-2], : like.shape[-1]], like], 1)


def add_noise(pixels: Tensor, noise: Tensor, signal: Tensor) -> Tensor:
    """Noisy images around zero, float [N, C, H, W].

    :param pixels: float [N, C, H, W] of [0, 1].
    :param noise: standard normal, the shape of `pixels`.
    :param signal: share of the variance that stays, float [N] or [1].
    """
    kept = signal.view(-1, 1, 1, 1)
    return kept.sqrt() * (2 * pixels - 1) + (1 - kept).sqrt() * noise


def remove_noise(
    find_noise: Callable[[Tensor, Tensor], Tensor], pixels: Tensor, noise: Tensor, time: float, steps: int
) -> Tensor:
    """Images noised up to a time and denoised again in a few steps, float [N, C, H, W] of about [0, 1].

    The steps are those of DDIM without new noise (Song et al. 2021, arXiv 2010.02502, equation 12 at sigma 0), evenly
    spaced in time, as SDEdit starts them from an image (Meng et al. 2022, arXiv 2108.01073); a gradient passes.

    :param find_noise: the denoiser.
    :param pixels: float [N, C, H, W] of [0, 1].
    :param noise: standard normal, the shape of `pixels`.
    :param time: of [0, 1]; at 0 the images stay as they are.
    """
    times = torch.linspace(time, 0, steps + 1, device=pixels.device)
    signals = compute_signal(times)[:, None]
    noisy = add_noise(pixels, noise, signals[0])
    for now, after in itertools.pairwise(signals):
        found = find_noise(noisy, now)
        image = (noisy - (1 - now).sqrt() * found) / now.sqrt()
        noisy = after.sqrt() * image + (1 - after).sqrt() * found
    return (noisy + 1) / 2
