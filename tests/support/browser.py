"""A page in headless Chromium, and what it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Opened:
    """A page in the browser, and everything that it complained of or asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    nodes: int = 0
    """What the browser holds of it, and lays out and paints, when it is there: elements, texts and the like."""

    def count(self, selector: str) -> int:
        return int(self.page.locator(selector).count())

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).first.inner_text())

    def drawn(self, again: Callable[[], None] | None = None) -> None:
        """Wait until every chart is drawn, or drawn again after something was done."""
        if again:
            self.page.evaluate("delete document.documentElement.dataset.drawn")
            again()
        self.page.wait_for_selector("html[data-drawn=all]", state="attached")

    def list_cut_legends(self) -> list[str]:
        """Figures with a legend that sticks out of its picture, where nobody sees it, on paper neither."""
        outside = """hosts => hosts.filter((host) => {
            const edge = host.querySelector('svg').getBoundingClientRect().right + 1;
            const legends = [...host.querySelectorAll('.role-legend')];
            return legends.some((legend) => legend.getBoundingClientRect().right > edge);
        }).map((host) => host.dataset.figure)"""
        found: list[str] = self.page.locator("[data-figure]").evaluate_all(outside)
        return found

    def labels(self, figure: str, layer: str, panel: int = 0) -> list[str]:
        """What the marks of a layer say of themselves."""
        marks = f'[data-figure="{figure}"][data-panel="{panel}"] .{layer}_marks [aria-label]'
        found: list[str] = self.page.locator(marks).evaluate_all("all => all.map((mark) => mark.ariaLabel)")
        return found
