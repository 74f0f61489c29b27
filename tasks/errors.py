"""The errors that a user can cause or mend; everything else is a defect and keeps its traceback."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MOST_PROBLEMS = 100
"""Mistakes that a message lists."""
NO_MEMORY = re.compile(r"out of memory|can't allocate memory|Cannot allocate memory|bad_alloc|ALLOC_FAILED", re.I)
"""How torch, CUDA and C++ say that memory has run out, each by an error of its own."""


class UsageError(Exception):
    """A request that cannot be carried out as written: shown as one message, exit code 2, nothing started."""


class MissingDataError(UsageError):
    """A data set that is not here; whoever only plans can do without it."""


def describe_system_error(error: OSError) -> str:
    """`PATH: No space left on device`: what the system says, and of what."""
    places = [str(name) for name in (error.filename, error.filename2) if name is not None]
    reason = error.strerror or str(error)
    return f"{' and '.join(places)}: {reason}" if places else reason


@contextlib.contextmanager
def name_place(place: Path) -> Iterator[None]:
    """Have errors of the system say where something was written: of a full disk they do not, and there are several."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None or isinstance(error, StorageError):
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(place)) from error


class UnreadableError(UsageError):
    """Something in a storage that cannot be read; the message names it. Who can do without it passes it over."""


class MisplacedError(UnreadableError):
    """Something else stands where a file or folder of ours is meant: a pipe, a link that leads out, other content."""


class TooLargeError(MisplacedError):
    """A file that is larger than what belongs there can be: it is not read."""

    def __init__(self, place: str, size: int, most: int) -> None:
        self.size = size
        super().__init__(f"{place}: has {size:,} bytes; the most that is read is {most:,}")


class StageError(Exception):
    """A stage that ran and cannot give an honest result, such as a model whose weights are NaN."""


class MisfitError(StageError):
    """A setting that a model, or the images before it, cannot meet: told by a plan, where it can be known before."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)


class CorruptArtifactError(StageError):
    """An artifact whose bytes are not the ones that were published."""


class StorageError(OSError):
    """A storage that cannot be used now. What is in it is untouched."""


class StorageGoneError(StorageError):
    """It did not answer for as long as it was given."""


class StorageRefusedError(StorageError):
    """It says no, and will say so again: wrong credentials, or no such bucket."""


class _Null:
    """See `NULL`."""

    def __repr__(self) -> str:
        return "null"


NULL = _Null()
"""The value of a problem where null is written, in a place in which it may not stand."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a file of settings: where it stands, what stands there, and what may stand there."""

    path: str
    value: object
    """None: it is not shown."""
    message: str
    beside: Mapping[str, object] = field(default_factory=dict)
    """Other settings that it is about, by their paths, and what stands there."""

    def __str__(self) -> str:
        shown = "" if self.value is None else f" = {_shorten(self.value)}"
        others = [f"{path} = {_shorten(value)}" for path, value in self.beside.items() if value is not None]
        return f"{self.path[:200]}{shown}{' beside ' if others else ''}{', '.join(others)}: {self.message}"


def limit_problems(problems: Iterable[Problem]) -> list[Problem]:
    """The first ones: finding the nearest name for each of many thousands would take minutes."""
    return list(itertools.islice(problems, MOST_PROBLEMS + 1))


class ProblemsError(UsageError):
    """Every mistake of one file, reported together."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = list({str(problem): problem for problem in problems}.values())
        count = len(self.problems)
        more = count > MOST_PROBLEMS
        head = f"{source}: {'more than ' if more else ''}{min(count, MOST_PROBLEMS)} problem{'s' if count > 1 else ''}"
        shown = self.problems[:MOST_PROBLEMS] + ["and so on"] * more
        super().__init__("\n".join([head, *(f"  {problem}" for problem in shown)]))


def list_choices(known: Iterable[str], name: object) -> str:
    """`choose from a, b, c; did you mean b?`: the tail of every message about an unknown name."""
    names = sorted(set(known))
    nearest = difflib.get_close_matches(str(name), names, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"choose from {', '.join(names)}{hint}"


def _shorten(value: object, limit: int = 80) -> str:
    try:
        text = _format_value(value)
    except ValueError:  # a whole number of thousands of digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _format_value(value: object) -> str:
    """As YAML has it, texts in quotes."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_format_value(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_format_value, value)) + "]"
    return repr(value)
