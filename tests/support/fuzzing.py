"""How commands are tried with what hypothesis draws: the same cases in every run, or others and many more.

`ADVSWEEP_FUZZ=20` draws 20 times as many, and others each time.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

from tasks.storage import documents
from tests.support.command_line import Ended, list_tree, run_here
from tests.support.harness import LIMIT

MORE = int(os.environ.get("ADVSWEEP_FUZZ", "1"))

if MORE == 1:
    # Else hypothesis reads every module of ours for constants to draw, which takes each process a second, several where
    # none has done so before, and draws other cases after a change anywhere.
    providers._get_local_constants = lambda: providers._local_constants

CHARACTERS = st.characters(exclude_categories=["Cs"])
"""Those of UTF-8: what hypothesis takes by itself it finds by encoding a million, two seconds where none has before."""


def drawn(count: int) -> settings:
    """Settings of a test that is tried with so many cases."""
    return settings(
        max_examples=count * MORE,
        derandomize=MORE == 1,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


class SpokenLines(logging.Handler):
    """What is logged to the user."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def ends_well(folder: Path, *arguments: str, codes: tuple[int, ...] = (0, 2), made: str = "") -> Ended:
    """Run a command below a folder: in time, with one of these exit codes, without a traceback or a trace on the disk.

    :param made: what the command is to write; nothing else may appear or change.
    :returns: how it ended; `stderr` holds what was logged too.
    """
    before, began, here = list_tree(folder, apart_from=made), time.monotonic(), Path.cwd()
    documents.warn_once.cache_clear()
    spoken = SpokenLines()
    logging.getLogger("advsweep").addHandler(spoken)
    os.chdir(folder)
    try:
        ended = run_here(*arguments)
    finally:
        os.chdir(here)
        logging.getLogger("advsweep").removeHandler(spoken)
    shown = ended.stdout + ended.stderr
    assert "Traceback" not in shown, shown
    assert ended.code in codes, ended
    assert ended.code != 2 or "rror: " in ended.stderr, ended
    assert time.monotonic() - began < LIMIT, "it has hung"
    assert list_tree(folder, apart_from=made) == before
    return Ended(ended.code, ended.stdout, "\n".join([*ended.stderr.splitlines(), *spoken.lines]))
