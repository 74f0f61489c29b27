"""Whether what answers draws random numbers: of two attacks on it each has a draw of its own."""

from __future__ import annotations

import functools
import json

from pydantic import ValidationError

from tasks.keys import format_canonical_json
from tasks.transformations.settings import InferenceSettings
from tasks.trial.row import Row


def answers_at_random(row: Row) -> bool:
    """Whether two looks at one image may be answered otherwise: by transformations that draw, or as two passes told."""
    section = json.loads(row["config"]).get("inference")
    return row["deterministic"] is False or (section is not None and _is_random(format_canonical_json(section)))


@functools.lru_cache(maxsize=1024)
def _is_random(section: str) -> bool:
    """Of parts that are not known here nothing is known."""
    try:
        return InferenceSettings.model_validate(json.loads(section)).is_random
    except ValidationError:
        return False
