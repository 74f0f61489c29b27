"""What a transformation of images at inference promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tasks.contracts import toy
from tasks.contracts.contract import Finding, check_settings_are_read_as_written, expect, read_settings, try_promises
from tasks.registry import load_object
from tasks.transformations.base import TransformationSettings
from tasks.transformations.draws import Draws
from tasks.transformations.registry import TRANSFORMATIONS

IMAGES, SIZE, CLOSE = 4, 16, 1e-4


@dataclass(frozen=True)
class TransformationSubject:
    """A transformation, and images for it."""

    settings: TransformationSettings
    transform: Callable[[Tensor, TransformationSettings, Draws], Tensor]
    pixels: Tensor
    """float [N, C, H, W] in [0, 1]."""

    def look(self, pixels: Tensor, purpose: object = 0) -> Tensor:
        """What a model would see of images [N, C, H, W]."""
        training = torch.rand(8, *pixels.shape[1:], generator=torch.Generator().manual_seed(2))
        return self.transform(pixels, self.settings, Draws(pixels, purpose, lambda make: make(training)))


def check_transformation(name: str, given: Mapping[str, Any]) -> list[Finding]:
    """Try a transformation on four images of 16x16 pixels in colour.

    :param given: settings other than the defaults.
    """

    def prepare() -> TransformationSubject:
        cls = TRANSFORMATIONS.load(name)
        pixels = torch.rand(IMAGES, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
        settings = read_settings(cls, toy.fill_settings(cls, name, given))
        return TransformationSubject(settings, load_object(cls.transform), pixels)

    return try_promises("transformation", name, prepare, CHECKS)


def check_settings_are_as_written(subject: TransformationSubject) -> None:
    check_settings_are_read_as_written(subject.settings)


def check_images_keep_their_shape(subject: TransformationSubject) -> None:
    for pixels in (subject.pixels, subject.pixels[:, :1]):
        seen: object = subject.look(pixels)
        expect(isinstance(seen, Tensor), f"returns {type(seen).__name__}, not images")
        assert isinstance(seen, Tensor)
        expect(seen.shape == pixels.shape, f"makes {list(seen.shape)} of {list(pixels.shape)}")
        expect(bool(seen.isfinite().all()), "makes NaN or infinite pixels")


def check_looks_follow_from_the_draws(subject: TransformationSubject) -> None:
    torch.manual_seed(3)
    first = subject.look(subject.pixels)
    torch.manual_seed(4)
    expect(torch.equal(first, subject.look(subject.pixels)), "it looks otherwise each time: draw from `draws`")
    same = torch.equal(first, subject.look(subject.pixels, purpose=1))
    expect(same or subject.settings.random, "it draws, and `random` is false: attacks would follow a single look")


def check_looks_do_not_depend_on_the_batch(subject: TransformationSubject) -> None:
    alone = torch.cat([subject.look(image) for image in subject.pixels.split(1)])
    far = float((alone - subject.look(subject.pixels)).abs().max())
    expect(far <= CLOSE, f"pixels differ by up to {far:.3g} with the images beside them")


def check_a_gradient_passes_where_it_says_so(subject: TransformationSubject) -> None:
    if not subject.settings.differentiable:
        return
    pixels = subject.pixels.clone().requires_grad_()
    (found,) = torch.autograd.grad(subject.look(pixels).square().sum(), pixels, allow_unused=True)
    expect(found is not None and bool(found.abs().max() > 0), "`differentiable`, and no gradient passes it")


def check_images_are_left_as_they_are(subject: TransformationSubject) -> None:
    given = subject.pixels.clone()
    subject.look(given)
    expect(torch.equal(given, subject.pixels), "it changes the images that it is given")


CHECKS = (
    check_settings_are_as_written,
    check_images_keep_their_shape,
    check_looks_follow_from_the_draws,
    check_looks_do_not_depend_on_the_batch,
    check_a_gradient_passes_where_it_says_so,
    check_images_are_left_as_they_are,
)
