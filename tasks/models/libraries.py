"""Architectures that other libraries have under names of their own: `timm:NAME`, `torchvision:NAME`.

This module imports a library when a name of it is asked for, so that a plan of anything else can be made without torch.
"""

from __future__ import annotations

import difflib
import importlib
from functools import lru_cache

EXTRA = "pip install 'advsweep[models]'"
LIBRARIES = ("timm", "torchvision")


def split_library_name(name: object) -> tuple[str, str] | None:
    """`timm:resnet10t` as library and name; null where it names no library."""
    library, found, rest = name.partition(":") if isinstance(name, str) else ("", "", "")
    return (library, rest) if found and library in LIBRARIES else None


@lru_cache(maxsize=256)
def describe_library_problem(library: str, name: str) -> str | None:
    """Why a library has no such architecture, with the nearest that it has; null where it has it."""
    try:
        known = _list_names(library)
    except ImportError as error:
        return f"{library} cannot be imported ({error}): {EXTRA}"
    if name in known:
        return None
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{library}:{nearest[0]}'?" if nearest else ""
    return f"{library} has no classification model {name!r}{hint}"


def _list_names(library: str) -> list[str]:
    if library == "timm":
        return list(importlib.import_module(library).list_models())
    from tasks.models.torchvision_networks import models

    return list(models.list_models(module=models))
