"""YAML files of settings: read with care, every mistake reported with its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tasks.errors import UsageError
from tasks.yaml_events import FLOAT, Builder

NOT_SETTINGS = ("description", "reference", "claims", "figures", "resources", "timeouts")
"""Sections of a search space that are not part of a trial."""

MOST_BYTES = 5_000_000
"""Of a file."""


def parse_yaml(text: str, source: str) -> Any:
    """The data of a YAML text; `yaml_events` says which YAML.

    :param source: where it stands, for messages.
    :raises UsageError: it is not YAML, more than plain data, or beyond the limits; or a key stands twice.
    """
    builder = Builder(source)
    for event in _read_events(text, source):
        builder.add(event)
    return builder.document


def _read_events(text: str, source: str) -> Iterator[yaml.Event]:
    """The events of a text, one after another.

    :raises UsageError: the library cannot read it, in whatever way it says so.
    """
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise UsageError(f"{source}: not valid YAML{place}: {reason}") from error
    except (ValueError, OverflowError) as error:  # it converts the numbers of escapes and directives unchecked
        raise UsageError(f"{source}: not valid YAML: {error}") from error


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    :raises UsageError: the file cannot be read, is not UTF-8, empty, too large, or something other than a mapping.
    """
    try:
        if not path.is_file():
            raise UsageError(f"{path}: {'is no regular file' if path.exists() else 'there is no such file'}")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise UsageError(f"{path}: has {size:,} bytes; the most that is read is {MOST_BYTES:,}")
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
    return content


def format_yaml(content: Any) -> str:
    """Plain data as YAML that `parse_yaml` reads as the same data."""
    text: str = yaml.dump(content, Dumper=_CoreDumper, sort_keys=False, allow_unicode=True)
    return text


class _CoreDumper(yaml.SafeDumper):
    """Quotes text that would be read as a number: `1e5` is one in YAML 1.2 and was none in 1.1."""


_CoreDumper.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))
