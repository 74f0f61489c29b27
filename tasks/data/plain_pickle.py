"""Pickles that hold plain data and arrays of bytes, read without calling anything that they name.

A pickle is a program: it names functions and calls them. Here a name is a mark that does nothing when it is called, and
an array is what such marks were called with, put together after a check. The reader is the one of the standard library
that is written in Python: the one in C reserves as much memory as a file says.
"""

from __future__ import annotations

import io
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UsageError

MOST_BYTES = 1_000_000_000
"""Of a file."""
RECONSTRUCT, ARRAY, TYPE = "_reconstruct", "ndarray", "dtype"
BYTES = ("u1", b"u1", "uint8", b"uint8")


class _Mark:
    """A name of numpy, or what a call of one is to make; the state that it is given is kept, and nothing is done."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...] | None = None) -> None:
        self.name, self.arguments, self.state = name, arguments, None

    def __call__(self, *arguments: Any) -> _Mark:
        if self.arguments is not None:
            raise pickle.UnpicklingError("it calls something that is no function")
        return _Mark(self.name, arguments)

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _DataOnly(pickle._Unpickler):
    """Knows three names of numpy beside plain data, and refuses every other."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] != "numpy" or name not in (RECONSTRUCT, ARRAY, TYPE):
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no copy of the data set does: refused")
        return _Mark(name)


def load_plain_pickle(path: Path, encoding: str) -> dict[Any, Any]:
    """The mapping in a pickle; an array in it is read by `to_array`.

    :param encoding: of the texts that Python 2 wrote, `latin1` say.
    :raises UsageError: it holds something else, cannot be read, or is no regular file.
    """
    try:
        size = path.stat().st_size
        if not path.is_file() or size > MOST_BYTES:
            raise UsageError(f"{path} cannot be read: it is no file, or larger than {MOST_BYTES:,} bytes")
        content = _DataOnly(io.BytesIO(path.read_bytes()), encoding=encoding).load()
    except UsageError:
        raise
    except Exception as error:  # a damaged program ends in whatever error it comes upon, says the library
        raise UsageError(f"{path} cannot be read: {str(error) or type(error).__name__}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} cannot be read: it holds a {type(content).__name__}, not a mapping")
    return content


def to_array(value: object) -> NDArray[np.uint8]:
    """The array of bytes that a pickle describes, uint8 [N, values].

    :raises ValueError: it describes something else.
    """
    if not isinstance(value, _Mark) or value.name != RECONSTRUCT or not isinstance(value.state, tuple):
        raise ValueError(f"a {type(value).__name__} stands where an array is meant")
    _, shape, kind, by_columns, content = value.state
    if not isinstance(kind, _Mark) or kind.name != TYPE or not kind.arguments or kind.arguments[0] not in BYTES:
        raise ValueError("its array is not one of bytes")
    if by_columns or not isinstance(content, bytes) or not all(isinstance(size, int) and size > 0 for size in shape):
        raise ValueError("its array has no shape, or its bytes another order")
    if math.prod(shape) != len(content):
        raise ValueError(f"its array has {len(content)} bytes, which make no {' x '.join(map(str, shape))}")
    return np.frombuffer(content, np.uint8).reshape(shape)
