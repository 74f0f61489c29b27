"""How figures look: one palette, one type size, nothing that does not carry data."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = (
    "#4269d0", "#e8833a", "#3ca951", "#c2185b", "#8e6bd0", "#2aa5b8", "#9c6b4e", "#d4a017", "#6b7280", "#ff725c",
)  # fmt: skip
"""Told apart by most eyes, on white and on black."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK, FAINT, GRID = "#22262e", "#6b7280", "#e4e7ec"
LONGEST = 44
"""Characters of a name; a figure has no room for more."""


def make_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of so many inches, and its panels in reading order.

    The figure belongs to no window and no global state, so threads may draw at once.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=200, layout="constrained", facecolor="white")
    panels = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color(FAINT)
        panel.tick_params(colors=INK, labelsize=8, length=3, color=FAINT)
        panel.grid(color=GRID, linewidth=0.7)
        panel.set_axisbelow(True)
    return figure, panels


def set_titles(panel: Axes, title: str, x: str = "", y: str = "") -> None:
    """Name a panel and what its axes measure."""
    panel.set_title(escape_text(title, 90), fontsize=9.5, color=INK, loc="left", fontweight="bold")
    panel.set_xlabel(escape_text(x), fontsize=8.5, color=INK)
    panel.set_ylabel(escape_text(y), fontsize=8.5, color=INK)


def set_heading(figure: Figure, title: str) -> None:
    """Name a whole figure."""
    figure.suptitle(title, fontsize=9.5, fontweight="bold", x=0.01, ha="left", color=INK)


def format_percent_axis(axis: Any) -> None:
    """Label an axis of rates in per cent."""
    axis.set_major_formatter(lambda value, _: f"{round(100 * value, 6):g} %")


def add_legend(figure: Figure, title: str, handles: Sequence[Any], *, low: bool = False) -> None:
    """A legend without a frame, right of all panels: at the top, or low for a second one."""
    figure.legend(
        handles=handles, title=escape_text(title), loc="outside right lower" if low else "outside right upper",
        fontsize=7.5, title_fontsize=8, frameon=False, alignment="left",
    )  # fmt: skip


def escape_text(text: str, longest: int = LONGEST) -> str:
    """A text as matplotlib draws it, letter by letter: no formulas, one line, not too long."""
    line = " ".join(text.split())
    return (line if len(line) <= longest else f"{line[: longest - 1]}…").replace("$", r"\$")


def wrap_text(text: str, width: int = 36, lines: int = 2) -> str:
    """The text on a few lines."""
    found = textwrap.wrap(escape_text(text, width * lines), width)
    return "\n".join(found)


def pick_colours(levels: Sequence[Any]) -> dict[Any, str]:
    """A colour for each level, from the palette, again from its start where it ends."""
    return {level: PALETTE[place % len(PALETTE)] for place, level in enumerate(levels)}


def save_figure(figure: Figure, path: Path) -> Path:
    """Write the figure; letters that the font lacks become boxes, silently. The same figure gives the same bytes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        dates: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        figure.savefig(path, bbox_inches="tight", pad_inches=0.06, metadata=dates.get(path.suffix))
    return path
