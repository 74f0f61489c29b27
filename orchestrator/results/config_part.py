"""A part of a trial's configuration as a text, by which rows are told apart."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from tasks.keys import format_canonical_json
from tasks.trial.row import Row

Choose = Callable[[dict[str, Any]], Any]
"""What of a configuration counts; a function of a module, so that it is the same one each time."""


def format_part(row: Row, choose: Choose) -> str:
    """The canonical text of what is chosen: rows are held against each other, so each is read once."""
    return _format_part(row["config"], choose)


@functools.lru_cache(maxsize=65536)
def _format_part(config: str, choose: Choose) -> str:
    return format_canonical_json(choose(json.loads(config)))
