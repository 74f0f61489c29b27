"""A page of a report as a program reads it."""

from __future__ import annotations

import contextlib
import html.parser
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.page import render
from orchestrator.report.write import write_report
from orchestrator.store.sweep_store import SweepStore


class Page(html.parser.HTMLParser):
    """What a browser would see of a page: tags, attributes, text, and the data of its script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.inside: list[str] = []
        self.payload: dict[str, Any] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            self.inside.reverse()
            self.inside.remove(tag)
            self.inside.reverse()

    def handle_data(self, data: str) -> None:
        if self.inside and self.inside[-1] == "script":
            if self.tags[-1][1].get("id") == "payload":
                self.payload = json.loads(data)
        elif self.inside and self.inside[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


SCRIPT = "window.vegaEmbed = () => Promise.resolve()"
"""In the place of the library that draws, which takes four seconds of CPU time to put together."""


@contextlib.contextmanager
def replace_library() -> Iterator[str]:
    """Pages that no browser opens get a short script in its place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "load_vega", lambda: SCRIPT)
        yield SCRIPT


def page_of(sweeps: list[SweepStore], folder: Path, formats: tuple[str, ...] = ()) -> Page:
    """The page of these sweeps."""
    with replace_library():
        return Page(Path(write_report(sweeps, folder, formats, None).page).read_text("utf-8"))


def decode_table(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a table of the payload, as the page's own script reads them."""
    values = {
        name: column["values"] if "values" in column else [column["levels"][place] for place in column["at"]]
        for name, column in columns.items()
    }
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>'\"&{{7*7}}${x}\u2028😀" + "n" * 200
)
"""A name that tries everything."""
