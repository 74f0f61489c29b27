"""Plugins: what code they are made of, how it is imported, and how it reaches another process."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tasks.models.registry import ARCHITECTURES
from tasks.plugins.load import PLUGINS

NET = """
from torch import nn

import advsweep
from {name}_layers import WIDTH

@advsweep.model("{name}")
def build(channels, classes, stem="cifar"):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(WIDTH), nn.ReLU(), nn.Linear(WIDTH, classes))
"""


@pytest.fixture
def name() -> Iterator[str]:
    """A name that no other test gives a module; what it has registered is gone afterwards."""
    fresh = f"net_{random.getrandbits(64):x}"
    yield fresh
    if fresh in ARCHITECTURES:
        ARCHITECTURES.remove(fresh)
    PLUGINS.loaded.pop(fresh, None)
    PLUGINS.failures.clear()
