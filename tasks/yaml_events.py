"""Plain data out of the events of a YAML text, without recursion; nothing grows beyond the limits.

What is known is the core of YAML 1.2 that JSON has too: text, numbers, true and false, null, lists, and mappings whose
keys are text. Tags, timestamps and the forms of YAML 1.1 (`0x10`, `0b1`, `1:30`, `yes`) are not. Anchors, aliases and
`<<` are; what an alias names is one object with the original, so that a change of one changes both.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from yaml import events

from tasks.errors import UsageError

MOST_NODES = 200_000
"""Values, lists and mappings of a text together, those behind an alias counted each time that it stands."""
MOST_LEVELS = 50
"""Lists and mappings inside each other."""
MOST_DIGITS = 100
"""Characters of a number."""

NULL = re.compile(r"|~|null|Null|NULL")
TRUTH = re.compile(r"true|True|TRUE|false|False|FALSE")
WHOLE = re.compile(r"[-+]?[0-9]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
IN_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""No path may hold the first, and no file the others: they are halves of characters."""
MERGE = "<<"


@dataclass(frozen=True)
class _Value:
    """A value that is read to its end."""

    data: Any
    nodes: int = 1
    """It and everything below it, aliases expanded."""
    levels: int = 0
    """Of lists and mappings, itself counted where it is one."""


@dataclass
class _Open:
    """A list or a mapping that is being read."""

    data: list[Any] | dict[str, Any]
    anchor: str | None
    before: int
    """Nodes of the text before it."""
    levels: int = 1
    key: str | None = None
    """Of a mapping: the key whose value comes next."""
    merged: list[dict[str, Any]] = field(default_factory=list)
    """What `<<` names: its keys count where they are not written out."""


class Builder:
    """Makes data of events."""

    def __init__(self, source: str) -> None:
        """:param source: where the text stands, for messages."""
        self.document: Any = None
        self._source, self._line = source, 0
        self._documents, self._nodes = 0, 0
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Value | None] = {}
        """null: what it names is not read to its end yet."""

    def add(self, event: events.Event) -> None:
        """Take the next event.

        :raises UsageError: it is more than plain data, beyond the limits, or a key that stands twice.
        """
        self._line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, events.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._refuse("a second document begins")
        elif isinstance(event, events.AliasEvent):
            self._add_alias(str(event.anchor))
        elif isinstance(event, (events.ScalarEvent, events.CollectionStartEvent)):
            if event.tag is not None:
                self._refuse(f"tags such as {event.tag} are not known: write the value alone")
            self._add_scalar(event) if isinstance(event, events.ScalarEvent) else self._begin(event)
        elif isinstance(event, events.CollectionEndEvent):
            self._end()

    def _refuse(self, reason: str) -> NoReturn:
        raise UsageError(f"{self._source}: not valid YAML in line {self._line}: {reason}")

    def _awaits_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].data, dict) and self._stack[-1].key is None

    def _add_scalar(self, event: events.ScalarEvent) -> None:
        if IN_NO_TEXT.search(event.value):
            self._refuse("a text holds a character that no text can hold")
        if self._awaits_key():
            self._stack[-1].key = event.value
            if event.value in self._stack[-1].data:
                self._refuse(f"{event.value} stands twice")
            self._count(1)
            return
        self._count(1)
        quoted = event.style is not None
        self._place(_Value(event.value if quoted else self._resolve(event.value)), event.anchor)

    def _resolve(self, text: str) -> Any:
        """The value of a text without quotes."""
        if NULL.fullmatch(text):
            return None
        if TRUTH.fullmatch(text):
            return text.lower() == "true"
        if not FLOAT.fullmatch(text):
            return text
        if len(text) > MOST_DIGITS:
            self._refuse(f"a number has {len(text):,} characters; the most is {MOST_DIGITS}")
        if WHOLE.fullmatch(text):
            return int(text)
        if math.isinf(float(text)):
            self._refuse(f"{text} is too large for a number")
        return float(text)

    def _add_alias(self, name: str) -> None:
        if self._awaits_key():
            self._refuse("a key is a text, not an alias")
        found = self._anchors.get(name)
        if found is None:
            where = "stands inside of what it names" if name in self._anchors else "names nothing above it"
            self._refuse(f"the alias *{name} {where}")
        self._count(found.nodes)
        self._place(found, None)

    def _begin(self, event: events.CollectionStartEvent) -> None:
        if self._awaits_key():
            self._refuse("a key is a text, not a list or a mapping")
        self._check_levels(1)
        if event.anchor:
            self._anchors[event.anchor] = None
        data: list[Any] | dict[str, Any] = [] if isinstance(event, events.SequenceStartEvent) else {}
        self._stack.append(_Open(data, event.anchor, self._nodes))
        self._count(1)

    def _end(self) -> None:
        ended = self._stack.pop()
        if isinstance(ended.data, dict):
            for merged in ended.merged:
                ended.data = {**merged, **ended.data}
        self._place(_Value(ended.data, self._nodes - ended.before, ended.levels), ended.anchor)

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            self._refuse(f"more than {MOST_NODES:,} values, aliases expanded")

    def _check_levels(self, levels: int) -> None:
        if len(self._stack) + levels > MOST_LEVELS:
            self._refuse(f"more than {MOST_LEVELS} lists and mappings inside each other")

    def _place(self, value: _Value, anchor: str | None) -> None:
        """Put a value where it belongs."""
        self._check_levels(value.levels)
        if anchor:
            self._anchors[anchor] = value
        if not self._stack:
            self.document = value.data
            return
        parent = self._stack[-1]
        parent.levels = max(parent.levels, value.levels + 1)
        if isinstance(parent.data, list):
            parent.data.append(value.data)
            return
        assert parent.key is not None, "the events of a mapping are keys and values in turn"
        if parent.key == MERGE:
            parent.merged += self._list_merged(value.data)
        else:
            parent.data[parent.key] = value.data
        parent.key = None

    def _list_merged(self, data: Any) -> list[dict[str, Any]]:
        mappings = data if isinstance(data, list) else [data]
        if not all(isinstance(mapping, dict) for mapping in mappings):
            self._refuse(f"{MERGE} takes a mapping or a list of them")
        return mappings
