"""Which files a plugin is made of, and that no change of them is missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.plugins import source
from tasks.plugins.source import name_module, read_source, trace_files


def write(folder: Path, **files: str) -> Path:
    """Python files by their names; two underscores divide folders, and each folder is a package."""
    for name, text in files.items():
        file = folder.joinpath(*name.split("__")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        for parent in file.relative_to(folder).parents:
            if parent != Path():
                (folder / parent / "__init__.py").touch()
    return folder


@pytest.mark.parametrize(
    ("imported", "found"),
    [
        ("import layers", {"layers.py"}),
        ("from layers import WIDTH", {"layers.py"}),
        ("def late():\n    import layers", {"layers.py"}),
        ("import lab.blocks", {"lab/__init__.py", "lab/blocks.py", "lab/deep.py"}),
        ("from lab import blocks", {"lab/__init__.py", "lab/blocks.py", "lab/deep.py"}),
        ("from lab.deep import x", {"lab/__init__.py", "lab/deep.py"}),
        ("import torch, json", set()),
        ("import importlib", {"layers.py", "unused.py"}),
        ("import importlib.util", {"layers.py", "unused.py"}),
        ("from importlib import import_module", {"layers.py", "unused.py"}),
        ("exec('import layers')", {"layers.py", "unused.py"}),
        ("import runpy", {"layers.py", "unused.py"}),
        ("from pkgutil import walk_packages", {"layers.py", "unused.py"}),
        ("layers = __import__('layers')", {"layers.py", "unused.py"}),
        ("x = eval('1')", {"layers.py", "unused.py"}),
        ("x = compile('1', 'a', 'eval')", {"layers.py", "unused.py"}),
    ],
)
def test_a_file_is_made_of_what_it_imports_from_beside_itself(imported: str, found: set[str], tmp_path: Path) -> None:
    write(tmp_path, net=imported, layers="WIDTH = 4", unused="", lab__blocks="from . import deep", lab__deep="x = 1")
    assert trace_files("net", tmp_path) == {"net.py", *found}


def test_a_file_in_a_package_takes_in_the_packages_around_it(tmp_path: Path) -> None:
    write(tmp_path, lab__nets__tiny="from ..blocks import x", lab__blocks="x = 1", lab__other="")
    assert name_module(tmp_path / "lab" / "nets" / "tiny.py") == ("lab.nets.tiny", tmp_path)
    assert name_module(tmp_path / "lab" / "nets" / "__init__.py") == ("lab.nets", tmp_path)
    assert trace_files("lab.nets.tiny", tmp_path) == {
        "lab/__init__.py", "lab/blocks.py", "lab/nets/__init__.py", "lab/nets/tiny.py"
    }  # fmt: skip


def test_every_file_has_a_digest_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, net="import layers", layers="WIDTH = 4")
    before = read_source("net", tmp_path / "net.py").digests
    read_source.cache_clear()
    (tmp_path / "layers.py").write_text("WIDTH = 5")
    after = read_source("net", tmp_path / "net.py").digests
    assert (before["net.py"] == after["net.py"], before["layers.py"] == after["layers.py"]) == (True, False)
    assert read_source("net", tmp_path / "net.py").distribution is None


def test_more_files_than_a_plugin_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, net="import layers, heads", layers="", heads="")
    monkeypatch.setattr(source, "MOST_FILES", 3)
    assert len(read_source("net", tmp_path / "net.py").digests) == 3
    read_source.cache_clear()
    monkeypatch.setattr(source, "MOST_FILES", 2)
    with pytest.raises(UsageError, match=r"plugin net: it takes in 3 files below .*: give it a folder of its own"):
        read_source("net", tmp_path / "net.py")


def test_a_file_beside_it_that_is_no_python_is_named(tmp_path: Path) -> None:
    write(tmp_path, net="import layers", layers="def f(:")
    with pytest.raises(UsageError, match=r"plugin file .*layers\.py: invalid syntax"):
        trace_files("net", tmp_path)


def test_a_module_of_a_wheel_names_it_and_has_the_digest_of_what_is_no_python_too() -> None:
    import typer

    source = read_source("typer.main", Path(typer.__file__).parent / "main.py")
    assert source.distribution is not None
    assert source.distribution.startswith("typer ")
    assert {"typer/main.py", "typer/core.py", source.distribution} <= source.digests.keys()


def test_a_wheel_is_known_by_a_link_too(tmp_path: Path) -> None:
    """As `lib64` is one of a virtual environment."""
    import typer

    (tmp_path / "site-packages").symlink_to(Path(typer.__file__).parents[1])
    source = read_source("typer.main", tmp_path / "site-packages" / "typer" / "main.py")
    assert (source.distribution or "").startswith("typer ")
