"""`python -m tests.matrix [CASE ...]`: the quick tests on other versions of Python and of the libraries.

Each case gets an environment of its own by uv (`pip install uv`), below a temporary folder or the one that `--keep`
names: `3.10` and so on for the newest libraries on that Python, `lowest` for the lower bounds of pyproject.toml.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.checkout import ROOT

LOWEST = "lowest"
CASES = ("3.10", "3.13", LOWEST)
LOWEST_PYTHON = "3.11"
"""Of the lower bounds: the oldest Python for which all of them have wheels that work together."""
QUICK = "not slow and not cluster and not fault"


def main() -> int:
    """0 where every case passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description="The quick tests on other versions.")
    parser.add_argument("cases", nargs="*", default=CASES, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--keep", type=Path, help="folder for the environments; what is there is used again")
    options = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory(prefix="advsweep-matrix-") as folder:
        for case in options.cases:
            environment = (options.keep or Path(folder)) / case
            if make_environment(case, environment) or run_quick_tests(environment):
                failed.append(case)
    sys.stdout.write(f"failed: {', '.join(failed)}\n" if failed else "all passed\n")
    return int(bool(failed))


def make_environment(case: str, folder: Path) -> int:
    """Install what a case asks for; the exit code of uv."""
    version = LOWEST_PYTHON if case == LOWEST else case
    if not (folder / "bin" / "python").exists() and (code := _run("uv", "venv", "--python", version, folder)):
        return code
    bounds = ["--resolution", "lowest-direct"] if case == LOWEST else []
    return _run("uv", "pip", "install", "--python", folder / "bin" / "python", *bounds, "-e", f"{ROOT}[dev]")


def run_quick_tests(folder: Path) -> int:
    """The exit code of pytest in an environment."""
    return _run(folder / "bin" / "python", "-m", "pytest", "-q", "-m", QUICK)


def _run(*words: str | Path) -> int:
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    sys.stdout.write(f"$ {' '.join(map(str, words))}\n")
    sys.stdout.flush()
    return subprocess.run([str(word) for word in words], cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
