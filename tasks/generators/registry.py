"""Every generator by its name. To add one: make a folder here with `settings.py` and `network.py`, and name it.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Annotated

from tasks.generators.base import GeneratorSettings
from tasks.part_names import ByName
from tasks.registry import Registry

GENERATORS: Registry[type[GeneratorSettings]] = Registry(
    "generator",
    {
        "advgan": "tasks.generators.advgan.settings:AdvGanGeneratorSettings",
        "denoiser": "tasks.generators.denoiser.settings:DenoiserSettings",
    },
)
"""Name in a search space -> settings."""

NamedGenerator = Annotated[GeneratorSettings, ByName(GENERATORS)]
