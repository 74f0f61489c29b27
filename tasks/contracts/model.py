"""What a model promises."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.contracts.contract import BrokenPromiseError, Finding, expect, find_changed_weights, try_promises
from tasks.models.build import Description, NormalizedModel, build_model, build_with_weights
from tasks.models.settings import ModelSettings

CHANNELS, CLASSES, SIZE, IMAGES = 3, 10, 32, 4
RELATIVE, ABSOLUTE = 1e-3, 1e-4
"""How far logits of one image may differ with the batch around it."""


@dataclass(frozen=True)
class ModelSubject:
    """A model with its first weights, in evaluation mode, and images for it."""

    description: Description
    model: NormalizedModel
    pixels: Tensor
    """float [N, C, H, W] in [0, 1]."""

    def compute_logits(self) -> Tensor:
        """float [N, classes]."""
        with torch.no_grad():
            logits: Tensor = self.model(self.pixels)
        return logits

    @cached_property
    def first_logits(self) -> Tensor:
        """float [N, classes]: what it said when it was asked first."""
        return self.compute_logits()


def check_model(name: str) -> list[Finding]:
    """Try an architecture on four images of 32x32 pixels in colour."""
    return try_promises("model", name, lambda: build_subject(name), CHECKS, [check_returns_logits])


def build_subject(name: str, channels: int = CHANNELS, classes: int = CLASSES) -> ModelSubject:
    """The model for images of so many colours."""
    description = Description.of(ModelSettings(name=name, mean=0.5, std=0.5).simplify(), channels, classes)
    torch.manual_seed(0)
    model = build_model(description).eval()
    pixels = torch.rand(IMAGES, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    return ModelSubject(description, model, pixels)


def check_returns_logits(subject: ModelSubject) -> None:
    _expect_logits(subject.first_logits, CLASSES)


def check_fits_other_images_and_classes(subject: ModelSubject) -> None:
    """Grey images, and another number of classes."""
    _expect_logits(build_subject(subject.description.name, 1, 3).compute_logits(), 3)


def _expect_logits(logits: object, classes: int) -> None:
    shape = [IMAGES, classes]
    expect(isinstance(logits, Tensor), f"returns {type(logits).__name__}, not logits")
    assert isinstance(logits, Tensor)
    expect(list(logits.shape) == shape, f"returns {list(logits.shape)} for {IMAGES} images, not {shape}")
    expect(logits.dtype == torch.float32, f"returns {logits.dtype}, not float32")
    expect(bool(torch.isfinite(logits).all()), "returns NaN or infinite logits")


def check_takes_black_and_white(subject: ModelSubject) -> None:
    for level in (0.0, 1.0):
        with torch.no_grad():
            logits = subject.model(torch.full_like(subject.pixels, level))
        expect(bool(torch.isfinite(logits).all()), f"returns NaN or infinite logits for pixels of {level:g}")


def check_answers_repeat(subject: ModelSubject) -> None:
    first = subject.first_logits
    torch.manual_seed(3)
    expect(torch.equal(first, subject.compute_logits()), "in evaluation mode it answers differently each time")


def check_answers_do_not_depend_on_the_batch(subject: ModelSubject) -> None:
    with torch.no_grad():
        alone = torch.cat([subject.model(image) for image in subject.pixels.split(1)])
    far = float((alone - subject.first_logits).abs().max())
    close = torch.allclose(alone, subject.first_logits, RELATIVE, ABSOLUTE)
    expect(close, f"logits of an image differ by up to {far:.3g} with the images beside it")


def check_gradient_reaches_the_pixels(subject: ModelSubject) -> None:
    pixels = subject.pixels.clone().requires_grad_()
    labels = torch.arange(IMAGES) % CLASSES
    (found,) = torch.autograd.grad(F.cross_entropy(subject.model(pixels), labels), pixels, allow_unused=True)
    expect(found is not None, "no gradient reaches the pixels: no attack that follows it can work")
    expect(bool(torch.isfinite(found).all()), "the gradient of the pixels is NaN or infinite")
    reached = found.flatten(1).abs().amax(1) > 0
    expect(bool(reached.all()), f"the gradient is zero in {int((~reached).sum())} of {IMAGES} images")


def check_gradient_reaches_the_weights(subject: ModelSubject) -> None:
    model = build_subject(subject.description.name).model.train()
    weights = dict(model.named_parameters())
    expect(bool(weights), "it has no weights")
    loss = F.cross_entropy(model(subject.pixels), torch.arange(IMAGES) % CLASSES)
    if loss.requires_grad:
        loss.backward()
    missing = [name for name, weight in weights.items() if weight.requires_grad and weight.grad is None]
    expect(not missing, f"no gradient reaches {', '.join(missing[:5])}")
    strange = [name for name, weight in weights.items() if weight.grad is not None and not weight.grad.isfinite().all()]
    expect(not strange, f"the gradient of {', '.join(strange[:5])} is NaN or infinite")


def check_first_weights_follow_from_the_seed(subject: ModelSubject) -> None:
    other = find_changed_weights(subject.model, build_subject(subject.description.name).model.state_dict())
    expect(not other, f"the same seed gives other {', '.join(other[:5])}: draw them from torch's global generator")


def check_weights_are_all_of_it(subject: ModelSubject) -> None:
    """A model that is built anew with these weights answers the same, as it must wherever it is loaded."""
    cause = "is a tensor neither a parameter nor a buffer?"
    try:
        copied = build_with_weights(subject.description, subject.model.state_dict()).eval()
        with torch.no_grad():
            same = torch.allclose(copied(subject.pixels), subject.first_logits, RELATIVE, ABSOLUTE)
    except RuntimeError as error:
        raise BrokenPromiseError(
            f"with its own weights loaded it fails: {str(error).splitlines()[0]}; {cause}"
        ) from error
    expect(same, f"with its own weights loaded it answers differently: {cause}")


def check_leaves_the_pixels_as_they_are(subject: ModelSubject) -> None:
    pixels = subject.pixels.clone()
    with torch.no_grad():
        subject.model.network(pixels)
    expect(torch.equal(pixels, subject.pixels), "it changes the images that it is given")


CHECKS = (
    check_returns_logits,
    check_fits_other_images_and_classes,
    check_takes_black_and_white,
    check_answers_repeat,
    check_answers_do_not_depend_on_the_batch,
    check_gradient_reaches_the_pixels,
    check_gradient_reaches_the_weights,
    check_first_weights_follow_from_the_seed,
    check_weights_are_all_of_it,
    check_leaves_the_pixels_as_they_are,
)
