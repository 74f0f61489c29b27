"""What a certifying function is given and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from tasks.certificates.base import CertificateSettings
from tasks.registry import load_object

ABSTAINED = -1
"""The class of an image of which the certified classifier says nothing."""


@dataclass(frozen=True)
class CertificateJob:
    """One batch to certify."""

    model: nn.Module
    """The judge itself, in evaluation mode: pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes]."""
    network: nn.Module
    """The same as it was built, for those who look at its layers."""
    clean: Tensor
    """float [N, C, H, W] in [0, 1]."""
    labels: Tensor
    """int64 [N]."""
    index: Tensor
    """int64 [N]: the place of each image in its split; random numbers are drawn for it, whatever the batch."""
    seed: int
    budgets: tuple[float, ...]
    """In pixels of [0, 1], for each of the settings."""
    batch_size: int = 256
    """The most images of one pass."""


@dataclass(frozen=True)
class Certificate:
    """What is certified of a batch at one budget."""

    classes: Tensor
    """int64 [N]: what the classifier says of the image as it is, `ABSTAINED` where it says nothing."""
    radius: Tensor
    """float64 [N]: no perturbation of a smaller size changes this, in pixels of [0, 1]; 0 where nothing is known."""
    certified: Tensor
    """bool [N]: whether no perturbation of the budget changes it."""
    confidence: Tensor
    """float [N]: of the class: its softmax, or a lower bound of its probability under noise."""
    samples: Tensor | None = None
    """int64 [N]: how often the model was asked about the image; null where that says nothing."""


Certify = Callable[[CertificateJob, Sequence[CertificateSettings]], "list[Certificate]"]


def load_certificate(settings: CertificateSettings) -> Certify:
    """The function that certifies with these settings; its module is imported now."""
    return cast(Certify, load_object(type(settings).certify))
