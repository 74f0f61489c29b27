"""`advsweep init`."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.space.template import TEMPLATE
from tests.support.command_line import run_here


def test_a_space_is_written_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    assert "advsweep plan --space" in run_here("init", str(file)).stdout
    assert file.read_text() == TEMPLATE
    ended = run_here("init", str(file))
    assert (ended.code, file.read_text()) == (2, TEMPLATE)
    assert "exists already" in ended.stderr


@pytest.mark.parametrize("name", [" ", "\t"])
def test_a_blank_name_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run_here("init", name)
    assert (ended.code, list(tmp_path.iterdir())) == (2, [])
    assert "is empty" in ended.stderr


def test_the_command_it_names_can_be_pasted_into_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "`advsweep plan --space 'my space.yaml'`" in run_here("init", "my space.yaml").stdout
