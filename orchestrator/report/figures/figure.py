"""What a figure is: panels, each a Vega-Lite description, and the rows that they draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Spec = dict[str, Any]
"""A view or layers of views in Vega-Lite."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Panel:
    """One coordinate system. Its layers name the tables that they draw; whoever draws it gives them."""

    title: str
    spec: Spec
    width: int = 0
    """In a file, in 1/72 inch; the page gives a panel the width that it has. 0: the description has its own."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """What the reader of a page may choose, and what is chosen at first: `attack`, or the model of a heat map."""


@dataclass(frozen=True)
class Figure:
    """One figure, on the page as in files."""

    name: str
    """Of its file, without an ending."""
    title: str
    panels: tuple[Panel, ...]
    tables: Mapping[str, Rows]
    """The rows, by the names that the panels use."""
    columns: int = 3
    """Panels beside each other in a file."""
    shared: tuple[str, ...] = ("color", "shape", "strokeDash")
    """Channels whose legend is the same for all panels."""
