"""Python processes import nothing from the folder that they are started in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.processes import make_python_command, start_python, with_safe_imports
from tests.support.harness import LIMIT

NAMES = ("random.py", "runpy.py", "json/__init__.py", "site.py", "sitecustomize.py", "usercustomize.py")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with modules that leave a mark when they are imported."""
    for name in NAMES:
        file = tmp_path / "hostile" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit(99)\n")
    return tmp_path / "hostile"


@pytest.mark.parametrize("python_path", [None, "", os.pathsep, f"{os.pathsep}/nowhere", "relative"])
def test_nothing_of_the_working_directory_is_imported(
    hostile: Path, python_path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "caller" / "relative").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "caller")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    environment = os.environ | ({"PYTHONPATH": python_path} if python_path is not None else {})
    process = start_python("json.tool", ["--help"], folder=hostile, environment=environment, stdout=subprocess.PIPE)
    shown = process.communicate(timeout=LIMIT)[0]
    assert process.returncode == 0, shown
    assert b"usage:" in shown
    assert not (tmp_path / "ran").exists()


def test_python_310_imports_nothing_of_it_either(hostile: Path, tmp_path: Path) -> None:
    """By the same interpreter, and by a Python 3.10 where there is one."""
    found = [sys.executable, *filter(None, [shutil.which("python3.10")])]
    for python in found:
        asked = subprocess.run([python, "-c", ""], check=False, capture_output=True)
        if asked.returncode:
            continue  # a name without a Python behind it
        command = [python, *make_python_command("json.tool", (3, 10))[1:], "--help"]
        environment = with_safe_imports(os.environ | {"PYTHONPATH": os.pathsep})
        environment.pop("PYTHONSAFEPATH")
        ended = subprocess.run(command, cwd=hostile, env=environment, capture_output=True, timeout=LIMIT, check=False)
        assert (ended.returncode, b"usage:" in ended.stdout) == (0, True), ended.stderr
        assert not (tmp_path / "ran").exists()


def test_the_user_s_own_folders_stay_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = with_safe_imports({"PYTHONPATH": os.pathsep.join(["src", "", "/opt/code"])})
    assert found == {"PYTHONPATH": f"{tmp_path}/src{os.pathsep}/opt/code", "PYTHONSAFEPATH": "1"}
    assert with_safe_imports({"PYTHONPATH": ""}) == {"PYTHONSAFEPATH": "1"}
