"""The space that `init` writes: valid, and never in place of another file."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.space.space import load
from orchestrator.space.template import write_template
from tasks.errors import UsageError


def test_it_is_a_space_of_every_stage(tmp_path: Path) -> None:
    write_template(tmp_path / "space.yaml")
    space = load(str(tmp_path / "space.yaml"))
    assert len(space.trials) == 48
    assert {trial.adversarial_finetune is None for trial in space.trials} == {True, False}


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write_template(file)
    assert file.read_text() == "mine"
    with pytest.raises(UsageError, match="No such file"):
        write_template(tmp_path / "absent" / "space.yaml")
