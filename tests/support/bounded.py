"""A command in a process of its own, with the most memory that it has held."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.harness import LIMIT

CODE = """
import re, sys
from pathlib import Path
from orchestrator.cli.app import run
code = run(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text()).group(1), file=sys.stderr)
sys.exit(code)
"""


def run_measured(*arguments: str | Path) -> tuple[int, str, float]:
    """Exit code, everything that was printed, and the megabytes of the process at its largest."""
    command = [sys.executable, "-c", CODE, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    *lines, peak = ended.stderr.splitlines()
    return ended.returncode, "\n".join([ended.stdout, *lines]), int(peak) / 1000
