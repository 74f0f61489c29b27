"""Spaces that are given as plain data rather than as a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.errors import UsageError
from tasks.temporary import use_temporary_folder
from tasks.yaml_files import format_yaml


def copy_plain(content: Any) -> Any:
    """The same data as YAML has it, nothing of it shared.

    :raises UsageError: it holds what YAML has no word for.
    """
    try:
        return json.loads(json.dumps(content))
    except (TypeError, ValueError) as error:
        raise UsageError(f"a space is plain data, as YAML has it: {error}") from error


@contextmanager
def write_space(content: Mapping[str, Any], name: str) -> Iterator[Path]:
    """The content as a file, which a launch elsewhere takes along.

    :raises UsageError: the name is none of a file.
    """
    if not re.fullmatch(r"[\w-]{1,60}", name):
        raise UsageError(f"name = {name!r}: letters, digits, `_` and `-`, at most 60 of them")
    with use_temporary_folder() as folder:
        file = folder / f"{name}.yaml"
        file.write_text(format_yaml(copy_plain(content)))
        yield file
