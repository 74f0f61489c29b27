"""The library that draws the figures of a page: put together once in a run, and not by each command that reports."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from orchestrator.report.page.vega_library import bundle_vega, locate_vega
from tests.support.made_once import make_once


def lend_vega(variables: Mapping[str, str]) -> None:
    """Put it where a command with these variables finds it; to put it together takes four seconds of CPU time."""
    name = locate_vega().name
    made = make_once([name], lambda folder: (folder / name).write_text(bundle_vega(), "utf-8")) / name
    cache = Path(variables["ADVSWEEP_CACHE"])
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, cache / name)
