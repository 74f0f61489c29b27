"""The public face: what it offers, that it is loaded when used, and the ways to start the command."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import advsweep
from tests.support.checkout import ROOT
from tests.support.harness import LIMIT, list_imported_modules

HEAVY = {"torch", "ray", "wandb", "typer", "pydantic", "rich", "pyarrow", "orchestrator"}


def test_importing_it_imports_nothing_heavy() -> None:
    assert not HEAVY & list_imported_modules("import advsweep; advsweep.__version__; dir(advsweep)")


def test_a_name_is_loaded_when_it_is_used() -> None:
    modules = list_imported_modules("import advsweep; advsweep.Settings")
    assert "tasks.settings" in modules
    assert not {"torch", "ray", "typer", "orchestrator"} & modules


@pytest.mark.parametrize("name", advsweep.__all__)
def test_every_name_is_there_listed_and_documented(name: str) -> None:
    assert name in dir(advsweep)
    assert name == "__version__" or inspect.getdoc(getattr(advsweep, name))


def test_mypy_and_editors_see_the_names_that_are_there() -> None:
    tree = ast.parse((ROOT / "advsweep" / "__init__.py").read_text())
    for_types = next(
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {
        alias.asname or alias.name
        for node in for_types.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen | {"__version__"} == set(advsweep.__all__)
    for package in ("advsweep", "orchestrator", "tasks", "search_spaces"):
        assert (ROOT / package / "py.typed").is_file()


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="'advsweep' has no attribute 'lunch'"):
        _ = advsweep.lunch  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 always looks into the folder it is started in")
@pytest.mark.parametrize(("words", "variables"), [(["-m"], {"PYTHONSAFEPATH": "1"}), (["-P", "-m"], {})])
def test_the_module_is_the_command_and_needs_nothing_of_the_folder_it_is_started_in(
    words: list[str], variables: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "tasks.py").write_text("raise SystemExit('the tasks of somebody else')")
    ended = subprocess.run(
        [sys.executable, *words, "advsweep", "--version"],
        cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True, check=False, timeout=LIMIT,
    )  # fmt: skip
    assert ended.stdout == f"advsweep {advsweep.__version__}\n", ended.stderr
