"""The code itself: formatted, linted, typed, and free of what must not be in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from tests.support.checkout import ROOT


@pytest.mark.parametrize(
    "command",
    [["ruff", "format", "--check", "."], ["ruff", "check", "."], pytest.param(["mypy"], marks=pytest.mark.slow)],
    ids=" ".join,
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


WHOLE = {
    "tests/advsweep/test_face.py": "advsweep/__init__.py",
    "tests/orchestrator/cli/test_printed.py": "orchestrator/cli/app.py",
    "tests/orchestrator/report/test_browser.py": "orchestrator/report/assets/report.js",
    "tests/orchestrator/report/test_shown.py": "orchestrator/report/write.py",
    "tests/orchestrator/run/test_executor_failures.py": "orchestrator/run/executor.py",
    "tests/tasks/attacks/engine/test_foreign_models.py": "tasks/attacks/engine/fast_model.py",
    "tests/tasks/stages/test_pretended_gpu.py": "tasks/stages/run.py",
    "tests/tasks/models/test_zoo_files.py": "tasks/models/weights.py",
    "tests/tasks/contracts/test_own_parts.py": "tasks/contracts/check_part.py",
    "tests/tasks/test_main.py": "tasks/__main__.py",
    "tests/tasks/test_number_bounds.py": "tasks/settings.py",
}
"""Tests whose subject has another name, or is more than one module."""


def test_tests_mirror_the_source() -> None:
    """`tests/tasks/data/test_source.py` tests `tasks/data/source.py`; one that is named as its folder, the folder."""
    strays = []
    for package in ("advsweep", "orchestrator", "tasks"):
        for file in sorted((ROOT / "tests" / package).rglob("test_*.py")):
            name = file.relative_to(ROOT).as_posix()
            subject = file.relative_to(ROOT / "tests").with_name(file.name.removeprefix("test_"))
            there = [ROOT / WHOLE.get(name, subject), (ROOT / subject).with_suffix("")]
            if not any(path.exists() for path in there) and file.parent.name != subject.stem:
                strays.append(name)
    assert strays == []


def find_patches_by_text(text: str) -> list[str]:
    """What a test replaces by a dotted or a private name in a string, which no refactoring would follow."""
    if "setattr" not in text and "delattr" not in text:
        return []  # to parse every test takes two seconds
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    patches = [call for call in calls if getattr(call.func, "attr", None) in ("setattr", "delattr")]
    names = [word.value for call in patches for word in call.args[:2] if isinstance(word, ast.Constant)]
    return [name for name in names if isinstance(name, str) and ("." in name or re.match("_(?!_)", name))]


def test_tests_patch_objects() -> None:
    found = {str(file): find_patches_by_text(file.read_text()) for file in sorted((ROOT / "tests").rglob("*.py"))}
    assert {file: names for file, names in found.items() if names} == {}


def test_a_patch_by_text_is_found() -> None:
    text = (
        'patch.setattr("tasks.keys.hash_json", 1)\npatch.setattr(keys, "_hash", 1)\npatch.setattr(keys, "FORM", "_x")'
    )
    assert find_patches_by_text(text) == ["tasks.keys.hash_json", "_hash"]


def list_undocumented(tree: ast.Module) -> list[str]:
    """Public functions that take or give tensors and whose docstring, their own or of a base class, names no shape."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

    def find_docstrings(name: str, owner: ast.ClassDef) -> str:
        bases = [classes[base.id] for base in owner.bases if isinstance(base, ast.Name) and base.id in classes]
        methods = [node for node in owner.body if isinstance(node, ast.FunctionDef) and node.name == name]
        own = [ast.get_docstring(node) or "" for node in methods]
        return " ".join([*own, *(find_docstrings(name, base) for base in bases)])

    missing = []
    for owner in (None, *(node for node in classes.values() if not node.name.startswith("_"))):
        for node in tree.body if owner is None else owner.body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            signature = f"{ast.unparse(node.args)} {ast.unparse(node.returns) if node.returns else ''}"
            text = find_docstrings(node.name, owner) if owner else ast.get_docstring(node) or ""
            if re.search(r"\bTensor\b|NDArray", signature) and "[" not in text:
                missing.append(node.name)
    return missing


def test_functions_on_tensors_give_shapes() -> None:
    found = {
        str(file.relative_to(ROOT)): list_undocumented(ast.parse(text))
        for file in ROOT.glob("tasks/**/*.py")
        if re.search(r"\bTensor\b|NDArray", text := file.read_text())
    }
    assert {file: names for file, names in found.items() if names} == {}


def test_a_function_on_tensors_without_shapes_is_found() -> None:
    text = 'def brighten(x: Tensor) -> Tensor:\n    """Brighter."""\n\ndef darken(x: Tensor) -> Tensor:\n    """[N]."""'
    assert list_undocumented(ast.parse(text)) == ["brighten"]
