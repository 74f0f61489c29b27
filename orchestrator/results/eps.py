"""The budget of an attack in one unit, pixels of [0, 1], whichever unit it was written in; and in words."""

from __future__ import annotations

import json
from collections.abc import Callable

from orchestrator.text import format_eps
from tasks.models.settings import DEFAULT
from tasks.trial.row import Row

NORMALIZED = "normalized"
LARGEST = 255
ROUNDING = 1e-12
"""By how much budgets may differ that were written in two units."""


def measure_eps(row: Row) -> float | None:
    """The budget in pixels of [0, 1], in the norm of the attack; null where it has none.

    Of equal budgets in two units the numbers are equal: what is a whole number of 255ths but for rounding is one.
    """
    eps: float | None = row["attack_eps"]
    if not eps or row["attack_eps_space"] != NORMALIZED:
        return eps
    std = json.loads(row["config"])["model"].get("std")
    found = eps * (std if isinstance(std, float) else DEFAULT)
    whole = round(found * LARGEST) / LARGEST
    return whole if abs(found - whole) < ROUNDING else float(f"{found:.12g}")


def format_row_eps(row: Row, form: Callable[[float | None], str] = format_eps) -> str:
    """`8/255` in pixels of [0, 1]; of a budget that was written in units of the normalised input, with what was
    written: `8/255 (normalized 16/255)`."""
    text = form(measure_eps(row))
    return f"{text} ({NORMALIZED} {form(row['attack_eps'])})" if row["attack_eps_space"] == NORMALIZED else text
