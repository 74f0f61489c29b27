"""The code itself: formatted, linted, typed, and free of what must not be in it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.checkout import ROOT


@pytest.mark.parametrize(
    "command", [["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"]], ids=" ".join
)
def test_checks(command: list[str]) -> None:
    ended = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


FORBIDDEN = re.compile(
    r"\bpickle\.(load|Unpickler\()|(?<!safetensors\.)torch\.save\(|(?<![.\w])eval\("
    r"|yaml\.(unsafe_|full_)?load\("
)


def test_nothing_pickles_or_evaluates() -> None:
    """A checkpoint or a space from a stranger cannot run code."""
    for file in (*ROOT.glob("tasks/**/*.py"), *ROOT.glob("orchestrator/**/*.py")):
        assert not FORBIDDEN.search(file.read_text()), file


def test_the_two_commands_stand_at_the_top_of_the_readme() -> None:
    top = "\n".join((ROOT / "README.md").read_text().splitlines()[:25])
    assert "pip install -e . && advsweep launch --space digits" in top
    assert "pip install -e '.[dev]' && pytest" in top
