"""Every data set by its name."""

from __future__ import annotations

SOURCES = {
    "animals10": "tasks.data.sources.animals10:ANIMALS10",
    "cifar10": "tasks.data.sources.cifar:CIFAR10",
    "cifar100": "tasks.data.sources.cifar:CIFAR100",
    "digits": "tasks.data.sources.digits:DIGITS",
    "fashion_mnist": "tasks.data.sources.mnist:FASHION_MNIST",
    "image_folder": "tasks.data.sources.image_folder:IMAGE_FOLDER",
    "mnist": "tasks.data.sources.mnist:MNIST",
    "svhn": "tasks.data.sources.svhn:SVHN",
}
"""Name in a search space -> `module:source`."""
