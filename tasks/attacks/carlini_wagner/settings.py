"""Settings of Carlini and Wagner's attack."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import ConstantSettings
from tasks.settings import keyed


class CarliniWagnerSettings(ConstantSettings):
    """Carlini-Wagner L2."""

    paper = "Carlini and Wagner 2017, arXiv 1608.04644"
    craft = "tasks.attacks.carlini_wagner.craft:craft_carlini_wagner"
    name: Literal["carlini_wagner"] = keyed("carlini_wagner")
    norm: Literal["l2"] = keyed("l2")
