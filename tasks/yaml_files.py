"""YAML files of settings: read with care, every mistake reported at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tasks.errors import UsageError

NOT_SETTINGS = ("description", "reference", "claims", "resources", "timeouts")
"""Sections of a search space that are not part of a trial."""


class _UniqueKeys(yaml.SafeLoader):
    """Plain data only, and no key twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{', '.join(twice)} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str, source: str) -> Any:
    """The data of a YAML text.

    :raises UsageError: it is not YAML, or a key stands twice.
    """
    try:
        return yaml.load(text, Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise UsageError(f"{source}: not valid YAML{place}: {getattr(error, 'problem', None) or error}") from error


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    :raises UsageError: the file cannot be read, is not UTF-8, empty, or something other than a mapping.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    content = parse_yaml(text, str(path))
    if content is None:
        raise UsageError(f"{path}: is empty; a search space is a mapping of settings")
    if not isinstance(content, dict):
        raise UsageError(f"{path}: holds a {type(content).__name__}; a search space is a mapping of settings")
    return {str(key): value for key, value in content.items()}
