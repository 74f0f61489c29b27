"""Every data set by its name. To add one: write a file in `sources/` and name it here.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Any

from tasks.registry import Registry

SOURCES: Registry[Any] = Registry(
    "data set",
    {
        "animals10": "tasks.data.sources.animals10:ANIMALS10",
        "cifar10": "tasks.data.sources.cifar:CIFAR10",
        "cifar100": "tasks.data.sources.cifar:CIFAR100",
        "digits": "tasks.data.sources.digits:DIGITS",
        "fashion_mnist": "tasks.data.sources.mnist:FASHION_MNIST",
        "image_folder": "tasks.data.sources.image_folder:IMAGE_FOLDER",
        "mnist": "tasks.data.sources.mnist:MNIST",
        "svhn": "tasks.data.sources.svhn:SVHN",
    },
)
"""Name in a search space -> a `Source`, as `tasks.data.source` has it."""
