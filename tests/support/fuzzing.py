"""How commands are tried with what hypothesis draws: the same cases in every run, or others and many more.

`ADVSWEEP_FUZZ=20` draws 20 times as many, and others each time.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.support.command_line import Ended, list_tree, run_here

MORE = int(os.environ.get("ADVSWEEP_FUZZ", "1"))
LIMIT = 60
"""Seconds after which a command has hung, on a machine with much else to do."""


def drawn(count: int) -> settings:
    """Settings of a test that is tried with so many cases."""
    return settings(
        max_examples=count * MORE,
        derandomize=MORE == 1,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def ends_well(folder: Path, *arguments: str, codes: tuple[int, ...] = (0, 2), written: bool = False) -> Ended:
    """Run a command below a folder: in time, with one of these exit codes, without a traceback or a trace on the disk.

    :param written: whether the command is to write.
    """
    before, began, here = list_tree(folder), time.monotonic(), Path.cwd()
    os.chdir(folder)
    try:
        ended = run_here(*arguments)
    finally:
        os.chdir(here)
    shown = ended.stdout + ended.stderr
    assert "Traceback" not in shown, shown
    assert ended.code in codes, ended
    assert ended.code != 2 or "rror: " in ended.stderr, ended
    assert time.monotonic() - began < LIMIT
    assert written or list_tree(folder) == before
    return ended
