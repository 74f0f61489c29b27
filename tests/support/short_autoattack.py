"""AutoAttack with fewer steps than its paper takes, which its own tests hold it to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.attacks.apgd.settings import ApgdCeSettings, ApgdTSettings
from tasks.attacks.fab.settings import FabTSettings
from tasks.attacks.square.settings import SquareSettings


def list_shorter_settings(steps: int, targets: int) -> dict[str, Callable[..., Any]]:
    """Names in `tasks.attacks.autoattack.craft` -> the settings with so many steps and classes to walk towards."""
    towards = {"steps": steps, "targets": targets}
    return {
        "ApgdCeSettings": lambda **given: ApgdCeSettings(**{**given, "steps": steps}),
        "ApgdTSettings": lambda **given: ApgdTSettings(**{**given, **towards}),
        "FabTSettings": lambda **given: FabTSettings(**{**given, **towards}),
        "SquareSettings": lambda **given: SquareSettings(**{**given, "steps": steps}),
    }
