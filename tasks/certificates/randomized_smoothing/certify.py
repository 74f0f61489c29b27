"""Count what a model says under Gaussian noise, and certify the class it says most often (Cohen et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor

from tasks.certificates.base import CertificateSettings
from tasks.certificates.job import ABSTAINED, Certificate, CertificateJob
from tasks.certificates.randomized_smoothing.confidence import bound_above, bound_below, compute_radius, list_looks
from tasks.certificates.randomized_smoothing.settings import RandomizedSmoothingSettings
from tasks.seeds import make_generator
from tasks.transfer import send

BLOCK = 50
"""Noisy images that are drawn at once: the same whatever else is looked at. Looks and batches end anywhere in one."""


def certify_by_smoothing(job: CertificateJob, settings: Sequence[CertificateSettings]) -> list[Certificate]:
    """Class, radius and samples of each image, for each budget: each is what it would be if it stood alone."""
    first = cast(RandomizedSmoothingSettings, settings[0])
    everyone = torch.arange(len(job.labels))
    chosen = _count_answers(job, first.noise, everyone, "selection", 0, first.selection_samples).argmax(1)
    successes = np.zeros(len(chosen), np.int64)
    watched = [_Budget(eps, first, len(chosen)) for eps in job.budgets]
    before = 0
    for count, share in list_looks(first.samples, first.alpha, anytime=first.sampling == "anytime"):
        undecided = np.any([~budget.decided for budget in watched], axis=0)
        active = torch.from_numpy(undecided.nonzero()[0])
        if not len(active):
            break
        answers = _count_answers(job, first.noise, active, "estimation", before, count)
        successes[undecided] += answers.gather(1, chosen[active, None])[:, 0].numpy()
        for budget in watched:
            budget.look(successes, count, share)
        before = count
    return [budget.make_certificate(chosen, first.selection_samples, job.labels.device) for budget in watched]


class _Budget:
    """What is known of each image at one budget, as samples come in."""

    def __init__(self, eps: float, settings: RandomizedSmoothingSettings, images: int) -> None:
        self.decided = np.zeros(images, np.bool_)
        self._settings = settings
        self._thresholds = (0.5, float(ndtr(eps / settings.noise)))
        """Probabilities above which a class is certified, and certified at the budget."""
        self._eps = eps
        self._lower = np.zeros(images, np.float64)
        self._samples = np.zeros(images, np.int64)

    def look(self, successes: NDArray[np.int64], count: int, alpha: float) -> None:
        """Bounds after so many samples, for the images that were not decided before.

        An image is decided where each threshold lies outside of its interval. The upper end stops a search that leads
        nowhere; nothing is claimed by it.
        """
        waiting = ~self.decided
        lower, upper = bound_below(successes, count, alpha), bound_above(successes, count, alpha)
        self._lower = np.where(waiting, np.maximum(self._lower, lower), self._lower)
        self._samples[waiting] = count
        if self._settings.sampling == "anytime":
            settled = [(self._lower > threshold) | (upper < threshold) for threshold in self._thresholds]
            self.decided |= np.all(settled, axis=0)

    def make_certificate(self, chosen: Tensor, selection_samples: int, device: torch.device) -> Certificate:
        """Abstain where the class is not known to be likelier than all others together."""
        radius = compute_radius(self._lower, self._settings.noise)
        known = torch.from_numpy(self._lower > 0.5)
        return Certificate(
            torch.where(known, chosen, ABSTAINED).to(device),
            torch.from_numpy(radius).to(device),
            (known & torch.from_numpy(radius > self._eps)).to(device),
            torch.from_numpy(self._lower).float().to(device),
            torch.from_numpy(self._samples + selection_samples).to(device),
        )


def _count_answers(job: CertificateJob, sigma: float, chosen: Tensor, purpose: str, start: int, stop: int) -> Tensor:
    """How often the model says each class of some images under their noise `start` to `stop`, int64 [M, classes].

    :param chosen: positions of the images in the batch, int64 [M].
    """
    counts: Tensor | None = None
    for rows, noisy in _split_passes(_draw_noisy_images(job, sigma, chosen, purpose, start, stop), job.batch_size):
        with torch.no_grad():
            logits = job.model(noisy)
        if counts is None:
            counts = torch.zeros(len(chosen), logits.shape[1], dtype=torch.int64)
        counts.index_put_((rows, logits.argmax(1).cpu()), torch.ones(len(rows), dtype=torch.int64), accumulate=True)
    assert counts is not None, "there is an image, and a sample of it"
    return counts


def _draw_noisy_images(
    job: CertificateJob, sigma: float, chosen: Tensor, purpose: str, start: int, stop: int
) -> Iterator[tuple[int, Tensor]]:
    """Row of an image, and some of it under noise, float [K, C, H, W]; it follows from seed, image and number alone."""
    shape = job.clean.shape[1:]
    for row, position in enumerate(chosen.tolist()):
        image, index = job.clean[position], int(job.index[position])
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            drawn = torch.randn(BLOCK, *shape, generator=make_generator(job.seed, "smoothing", purpose, index, block))
            part = drawn[max(start - block * BLOCK, 0) : stop - block * BLOCK]
            yield row, image + sigma * send(part, job.clean.device)


def _split_passes(found: Iterator[tuple[int, Tensor]], size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows int64 [K] and noisy images float [K, C, H, W], at most `size` at once."""
    rows: list[int] = []
    parts: list[Tensor] = []
    for row, images in found:
        for part in images.split(size):
            if rows and len(rows) + len(part) > size:
                yield torch.tensor(rows), torch.cat(parts)
                rows, parts = [], []
            rows += [row] * len(part)
            parts.append(part)
    if rows:
        yield torch.tensor(rows), torch.cat(parts)
