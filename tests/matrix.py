"""`python -m tests.matrix [CASE ...]`: the quick tests on other versions of Python and of the libraries.

Each case gets an environment of its own by uv (`pip install uv`), which goes when its tests have run, or stays below
the folder that `--keep` names: `3.10` and so on for the newest libraries on that Python, `lowest` for the lower bounds
of pyproject.toml. What pytest is to do otherwise stands in `PYTEST_ADDOPTS`, such as `-n 1` beside other work. Printed
at the end is the table of CONTRIBUTING.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.support.checkout import ROOT

LOWEST = "lowest"
CASES = ("3.10", "3.13", LOWEST)
LOWEST_PYTHON = "3.11"
"""Of the lower bounds: the oldest Python for which all of them have wheels that work together."""
QUICK = "not slow and not cluster and not fault"
UNTYPED = ("--deselect", "tests/test_code.py::test_checks[mypy]")
"""The sources are held to what the newest libraries say of their types, which not every case can have."""
OLD_TYPES = ("3.10", LOWEST)
"""Cases with older ones: Python 3.10 gets NumPy 2.2."""
NAMED = ("torch", "ray", "numpy", "duckdb", "wandb")
"""Libraries whose versions the table gives."""
HEAD = "| case | libraries | tests run | failed | minutes |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Outcome:
    """How a case ended."""

    passed: bool
    line: str
    """Of the table."""


def main() -> int:
    """0 where every case passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description="The quick tests on other versions.")
    parser.add_argument("cases", nargs="*", default=CASES, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--keep", type=Path, help="folder for the environments; what is there is used again")
    options = parser.parse_args()
    outcomes = []
    for case in options.cases:
        with tempfile.TemporaryDirectory(prefix="advsweep-matrix-") as folder:
            outcomes.append(run_case(case, (options.keep or Path(folder)) / case, Path(folder) / "tests.xml"))
    sys.stdout.write("\n".join([HEAD, *(outcome.line for outcome in outcomes), ""]))
    return int(not all(outcome.passed for outcome in outcomes))


def run_case(case: str, environment: Path, report: Path) -> Outcome:
    """Make an environment and run the quick tests in it.

    :param report: where pytest writes what came of its tests.
    """
    python = environment / "bin" / "python"
    if make_environment(case, environment) != 0:
        return Outcome(False, f"| {case} | could not be installed | 0 | | |")
    passed = (
        _run(python, "-m", "pytest", "-q", "-m", QUICK, f"--junitxml={report}", *(UNTYPED if case in OLD_TYPES else ()))
        == 0
    )
    libraries = f"import importlib.metadata as m; print(', '.join(f'{{n}} {{m.version(n)}}' for n in {NAMED}))"
    versions = subprocess.run([str(python), "-c", libraries], capture_output=True, text=True, check=True).stdout.strip()
    return Outcome(passed, f"| {case} | {versions} | {read_counts(report)} |")


def read_counts(report: Path) -> str:
    """Tests run, tests failed and minutes of a run of pytest, as cells of the table."""
    suites = list(ElementTree.parse(report).getroot().iter("testsuite")) if report.exists() else []
    if not suites:
        return "0 | broken off | "
    run, failed = (
        sum(int(suite.get(name, 0)) for suite in suites for name in names)
        for names in (["tests"], ["failures", "errors"])
    )
    return f"{run:,} | {failed} | {sum(float(suite.get('time', 0)) for suite in suites) / 60:.0f}"


def make_environment(case: str, folder: Path) -> int:
    """Install what a case asks for; the exit code of uv."""
    version = LOWEST_PYTHON if case == LOWEST else case
    if not (folder / "bin" / "python").exists() and (code := _run("uv", "venv", "--python", version, folder)):
        return code
    bounds = ["--resolution", "lowest-direct"] if case == LOWEST else []
    return _run("uv", "pip", "install", "--python", folder / "bin" / "python", *bounds, "-e", f"{ROOT}[dev]")


def _run(*words: str | Path) -> int:
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    sys.stdout.write(f"$ {' '.join(map(str, words))}\n")
    sys.stdout.flush()
    return subprocess.run([str(word) for word in words], cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
