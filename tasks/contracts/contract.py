"""How promises are tried, and what is found."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from tasks.errors import UsageError
from tasks.settings import Settings
from tasks.settings_problems import describe_problems

Subject = TypeVar("Subject")
AnySettings = TypeVar("AnySettings", bound=Settings)


class BrokenPromiseError(Exception):
    """A part does not do what its kind promises; the message says what it did."""


@dataclass(frozen=True)
class Finding:
    """One promise of one part."""

    kind: str
    name: str
    check: str
    problem: str | None
    """null: it is kept."""


def expect(kept: bool, problem: str) -> None:
    """:raises BrokenPromiseError: a promise is not kept."""
    if not kept:
        raise BrokenPromiseError(problem)


def try_promises(
    kind: str,
    name: str,
    prepare: Callable[[], Subject],
    checks: Sequence[Callable[[Subject], None]],
    vital: Sequence[Callable[[Subject], None]] = (),
) -> list[Finding]:
    """Try each check on what is prepared; where that fails, or a vital check, nothing else can be tried.

    A check raises `BrokenPromiseError`; any other error of it is the part's too.
    """
    subjects: list[Subject] = []
    found = [Finding(kind, name, "is built", _try_one(lambda: subjects.append(prepare())))]
    for check in checks if subjects else ():
        title = check.__name__.removeprefix("check_").replace("_", " ")
        found.append(Finding(kind, name, title, _try_one(lambda check=check: check(subjects[0]))))  # type: ignore[misc]
        if check in vital and found[-1].problem:
            break
    return found


def _try_one(act: Callable[[], None]) -> str | None:
    try:
        act()
    except (BrokenPromiseError, UsageError) as error:
        return str(error)
    except ValidationError as error:
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    except Exception as error:  # whatever a user's own code raises is what it did
        calls = traceback.extract_tb(error.__traceback__)
        libraries = (Path(__file__).parents[1], Path(torch.__file__).parent)
        theirs = [call for call in calls if not any(map(Path(call.filename).is_relative_to, libraries))] or calls
        lines = str(error).splitlines() or [""]
        return f"{type(error).__name__}: {lines[0]} ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})"
    return None


def read_settings(cls: type[AnySettings], content: Mapping[str, Any]) -> AnySettings:
    """Settings of a part, as a file has them.

    :raises UsageError: with every mistake, in the words of a plan.
    """
    try:
        return cls.model_validate(content)
    except ValidationError as error:
        raise UsageError("; ".join(map(str, describe_problems(error, cls, "")))) from error


def check_settings_are_read_as_written(settings: Settings) -> None:
    """Written as a file has them and read again, they are the same; so is their part of a key."""
    written = json.loads(json.dumps(settings.document()))
    again = read_settings(type(settings), written)
    expect(again == settings, f"read again they differ: {written} -> {again.document()}")
    expect(again.canonical_text == settings.canonical_text, "read again they have another key")
    expect("name" in settings.canonical(), "the name is not `keyed`: two parts would share their keys")


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers as they are now, by their names: each of the shape [...] that it has in the model."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def find_changed_weights(model: nn.Module, before: Mapping[str, Tensor]) -> list[str]:
    """Names of the weights and buffers that are not what they were, each of its own shape [...]."""
    return [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
