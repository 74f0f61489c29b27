"""Commands in this process: the whole command line without the seconds that a new interpreter takes."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

from orchestrator.cli import app


@dataclass(frozen=True)
class Ended:
    """What a command left."""

    code: int
    out: str
    err: str


def run_command(*arguments: str | Path) -> Ended:
    """Run `advsweep ARGUMENTS`, with everything that it writes to its two streams."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["advsweep", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = app.run()
    finally:
        sys.argv = before
    return Ended(code, out.getvalue(), err.getvalue())
