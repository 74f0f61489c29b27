"""What the shell is offered."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.cli.completion import complete_sweep, complete_trial
from tests.orchestrator.cli.conftest import Finished


def offer(words: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What bash is offered for the last word of a command line."""
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    monkeypatch.setenv("_ADVSWEEP_COMPLETE", "complete_bash")
    ended = CliRunner().invoke(app, [], prog_name="advsweep", env={"_ADVSWEEP_COMPLETE": "complete_bash"})
    return ended.stdout.split()


def test_spaces_sweeps_and_trials_are_completed(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVSWEEP_STORAGE", str(finished.storage))
    assert offer("advsweep launch --space dig", monkeypatch) == ["digits"]
    assert offer("advsweep results fo", monkeypatch) == [finished.sweep.sweep_id]
    trial = finished.trials[0]
    assert offer(f"advsweep explain {trial[:3]}", monkeypatch)[0] in {each[:7] for each in finished.trials}
    assert offer(f"advsweep compare {trial} {trial[:4]}", monkeypatch) == [trial[:7]]


def test_the_storage_of_the_command_line_comes_before_that_of_the_environment(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVSWEEP_STORAGE", str(tmp_path / "empty"))
    assert offer("advsweep results fo", monkeypatch) == []
    here = f"advsweep results --storage {finished.storage} fo"
    assert offer(here, monkeypatch) == [finished.sweep.sweep_id]


def test_a_storage_that_is_not_there_completes_nothing(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    assert finished.trials
    monkeypatch.setenv("ADVSWEEP_STORAGE", "s3://")
    assert offer("advsweep results f", monkeypatch) == []
    assert offer("advsweep explain 0", monkeypatch) == []


def test_whatever_is_wrong_with_a_storage_the_shell_is_offered_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("s3://", str(tmp_path / "file"), "\0"):
        context: Any = SimpleNamespace(params={"storage": place})
        assert complete_sweep(context, "") == complete_trial(context, "") == []
