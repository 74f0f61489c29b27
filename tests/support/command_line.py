"""The command line inside of this process: quick enough for hundreds of cases."""

from __future__ import annotations

import contextlib
import io
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from orchestrator.cli.app import run


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def shows_defect(self) -> bool:
        """Whether it ended as it should not, whatever it was given."""
        return "Traceback" in self.stdout + self.stderr or self.code not in (0, 1, 2)


def run_here(*arguments: str | Path) -> Ended:
    """Run a command to its end."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return Ended(code, out.getvalue(), err.getvalue())


LEAN = """
import sys
from orchestrator.cli.app import run
from tasks.temporary import remove_own_folders
code = run()
slow = {"duckdb", "pandas", "pyarrow.dataset", "scipy.stats", "torch"} & set(sys.modules)
remove_own_folders()
sys.exit(f"it has imported {slow}" if slow else code)
"""


def run_lean(*arguments: str | Path) -> str:
    """What a command prints that has to do without slow libraries, in a process of its own."""
    command = [sys.executable, "-c", LEAN, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def list_tree(folder: Path, apart_from: str = "") -> dict[str, tuple[int, int]]:
    """Everything below a folder, with the bytes of each file and when it was written.

    :param apart_from: a name in the folder that is not looked at.
    """
    found = {path.relative_to(folder): path.lstat() for path in folder.rglob("*") if "cache" not in path.parts}
    return {
        str(path): (0, 0) if stat.S_ISDIR(seen.st_mode) else (seen.st_size, seen.st_mtime_ns)
        for path, seen in found.items()
        if path.parts[0] != apart_from
    }
