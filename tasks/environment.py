"""Environment variables: numbers from them, checked as settings of a file are, and others for a while."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping

from tasks.errors import UsageError


def read_number(name: str, default: float, unit: str, *, positive: bool = False, largest: float | None = None) -> float:
    """The number that an environment variable holds.

    :param default: where it is not set or empty; also the example of the message.
    :param unit: what is counted, such as `seconds`, for the message.
    :param positive: whether 0 is refused too.
    :raises UsageError: it holds something else, a number below 0, or one above `largest`.
    """
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    small = value <= 0 if positive else value < 0
    if small or not value < math.inf or (largest is not None and value > largest):
        limit = "" if largest is None else f" up to {largest:g}"
        raise UsageError(f"{name} = {text!r}: is not a number of {unit}{limit}, such as {default:g}")
    return value


@contextlib.contextmanager
def set_variables(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
