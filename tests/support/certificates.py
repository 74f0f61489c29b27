"""Certificates of a batch, as a stage asks for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tasks.certificates.base import CertificateSettings
from tasks.certificates.job import Certificate, CertificateJob, load_certificate
from tasks.certificates.registry import CERTIFICATES
from tasks.data.images import Images, convert_to_float


def certify_batch(
    model: nn.Module, images: Images, *budgets: float, first: int = 0, batch_size: int = 5000, **section: Any
) -> list[Certificate]:
    """What is certified of these images at each budget.

    :param first: the place of the first image in its split.
    :param section: the certificate as a space has it, without `eps`.
    """
    cls = CERTIFICATES.load(section["name"])
    settings = [cls.model_validate({**section, "eps": eps}) for eps in budgets]
    found = [each for each in settings if isinstance(each, CertificateSettings)]
    clean, index = convert_to_float(images.pixels), torch.arange(first, first + len(images))
    job = CertificateJob(model, model, clean, images.labels, index, 0, budgets, batch_size)
    return load_certificate(found[0])(job, found)
