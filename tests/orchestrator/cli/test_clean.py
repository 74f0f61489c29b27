"""`advsweep clean`."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.orchestrator.cli.conftest import Finished
from tests.support.command_line import list_tree, run_here

ASIDE = "a" * 64 + "-20260101T000000-ab12"


@pytest.fixture
def storage(finished: Finished, tmp_path: Path) -> Path:
    """A copy of the finished sweep's storage, with something that was set aside."""
    copy = tmp_path / "storage"
    shutil.copytree(finished.storage, copy)
    (copy / "corrupt" / ASIDE).mkdir(parents=True)
    (copy / "corrupt" / ASIDE / "model.safetensors").write_bytes(b"x" * 1500)
    return copy


def test_what_would_go_is_told_to_scripts_and_stays(storage: Path) -> None:
    before = list_tree(storage)
    asked = ("clean", "--storage", storage)
    leftovers = [{"name": f"corrupt/{ASIDE}", "size": 1500, "reason": "set aside as corrupt"}]
    assert json.loads(run_here(*asked, "--json").stdout) == leftovers
    (line,) = csv.DictReader(io.StringIO(run_here(*asked, "--format", "csv").stdout))
    assert line == {name: str(value) for name, value in leftovers[0].items()}
    assert list_tree(storage) == before


@pytest.mark.parametrize(("answer", "goes"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_it_asks_first(storage: Path, answer: str, goes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    before = list_tree(storage)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    shown = run_here("clean", "--storage", storage).stdout
    assert f"corrupt/{ASIDE}  1.5 kB  set aside as corrupt" in shown
    assert "remove 1 entry, 1.5 kB?" in shown
    assert shown.splitlines()[-1].endswith("removed 1 entry, 1.5 kB" if goes else "nothing was removed")
    assert (list_tree(storage) != before) is goes


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_forgotten_sweep_goes_with_all_that_it_alone_refers_to(
    storage: Path, finished: Finished, form: tuple[str, ...]
) -> None:
    assert run_here("clean", "--storage", storage, "--forget", finished.sweep.sweep_id, "--yes", *form).code == 0
    assert not list((storage / "stages").iterdir())
    assert not list((storage / "sweeps").iterdir())
    assert run_here("clean", "--storage", storage).stdout == "nothing to remove\n"
    assert json.loads(run_here("clean", "--storage", storage, "--json").stdout) == []
    assert run_here("clean", "--storage", storage, "--format", "csv").stdout == "\n"


def test_a_folder_that_is_not_there_is_no_storage_to_clean(tmp_path: Path) -> None:
    ended = run_here("clean", "--storage", tmp_path / "typo")
    assert (ended.code, ended.stdout) == (2, "")
    assert f"--storage {tmp_path / 'typo'}: there is no such folder" in ended.stderr
    assert list_tree(tmp_path) == {}
