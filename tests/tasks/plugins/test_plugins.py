"""Plugins: what code they are made of, how it is imported, and how it reaches another process."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.models.registry import ARCHITECTURES
from tasks.models.settings import ModelSettings
from tasks.plugins.bundle import pack_plugins
from tasks.plugins.load import PLUGINS, load_plugins
from tasks.plugins.source import name_module, trace_files
from tests.support.checkout import ROOT

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
