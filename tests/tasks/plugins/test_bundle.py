"""Code that travels: what is packed, and where the other process finds it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.plugins import bundle as bundles
from tasks.plugins.bundle import Bundle, pack_plugins, unpack_plugins, write_plugins
from tasks.plugins.load import Plugin, Plugins
from tasks.plugins.source import Source


def make_source(module: str, root: Path, files: dict[str, bytes], distribution: str | None = None) -> Source:
    """The source of a module of these files."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return Source(module, root, digests, distribution)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugins]:
    """A process that has imported none, and is left as it was."""
    fresh = Plugins()
    monkeypatch.setattr(bundles, "PLUGINS", fresh)
    known: list[str] = []
    monkeypatch.setattr(bundles, "know_source", lambda source: known.append(source.module))
    finders, modules = list(sys.meta_path), set(sys.modules)
    yield fresh
    sys.meta_path[:] = finders
    for name in sys.modules.keys() - modules:
        del sys.modules[name]


FILES = {
    "travelled_lab/__init__.py": b"from travelled_lab.nets import WIDTH\n",
    "travelled_lab/nets.py": b"WIDTH = 7\n",
}


def write_files(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def test_every_file_is_packed_as_it_was_imported_or_not_at_all(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    source = make_source("travelled_lab", tmp_path, FILES)
    (packed,) = pack_plugins([Plugin("lab/", source, ())])
    assert (packed.module, packed.sources, packed.files) == ("travelled_lab", {"travelled_lab": source}, FILES)
    wheel = make_source("travelled_lab", tmp_path, FILES, "lab 1.0")
    (named,) = pack_plugins([Plugin("travelled_lab", wheel, ())])
    assert (named.sources, named.files) == ({"travelled_lab": wheel}, {})
    (tmp_path / "travelled_lab" / "nets.py").write_bytes(b"WIDTH = 8\n")
    with pytest.raises(UsageError, match=rf"^plugin lab/: {tmp_path}/travelled_lab/nets\.py has changed since it was"):
        pack_plugins([Plugin("lab/", source, ())])


def test_plugins_are_written_as_files_and_asked_for_from_a_base(tmp_path: Path, plugins: Plugins) -> None:
    alone = {"travelled_one.py": b"X = 1\n"}
    write_files(tmp_path / "from", {**FILES, **alone})
    sources = [
        make_source("travelled_lab", tmp_path / "from", FILES),
        make_source("travelled_one", tmp_path / "from", alone),
        make_source("a.wheel", tmp_path / "from", {"a/wheel.py": b""}, "wheel 2"),
    ]
    plugins.loaded = {source.module: Plugin(source.module, source, ()) for source in sources}
    written = write_plugins(tmp_path / "to" / "plugins", tmp_path / "to")
    assert written == ("plugins/travelled_lab/__init__.py", "plugins/travelled_one.py", "a.wheel")
    found = {path.relative_to(tmp_path / "to" / "plugins").as_posix() for path in (tmp_path / "to").rglob("*.py")}
    assert found == {*FILES, *alone}
    assert (tmp_path / "to" / "plugins" / "travelled_lab" / "nets.py").read_bytes() == b"WIDTH = 7\n"


def make_bundle(files: dict[str, bytes], module: str, distribution: str | None = None) -> Bundle:
    source = make_source(module, Path("/elsewhere"), files, distribution)
    return Bundle(module, {module: source}, {} if distribution else files)


def test_what_has_travelled_is_imported_from_memory(plugins: Plugins) -> None:
    unpack_plugins([make_bundle(FILES, "travelled_lab")])
    module = sys.modules["travelled_lab"]
    assert module.WIDTH == 7
    assert module.__file__ == "/advsweep-plugin/travelled_lab/__init__.py"
    assert list(module.__path__) == ["/advsweep-plugin/travelled_lab"]
    assert list(plugins.loaded) == ["travelled_lab"]
    changed = {**FILES, "travelled_lab/nets.py": b"WIDTH = 9\n"}
    unpack_plugins([make_bundle(changed, "travelled_lab")])
    assert sys.modules["travelled_lab"].WIDTH == 7, "the first import counts"


def test_its_own_name_goes_before_what_is_installed_and_what_it_imports_does_not(plugins: Plugins) -> None:
    """A helper that is called as a module of Python is Python's here, as it is where the plugin comes from."""
    files = {"travelled_two.py": b"import colorsys\nHERE = colorsys.__file__\n", "colorsys.py": b"1 / 0\n"}
    sys.modules.pop("colorsys", None)
    unpack_plugins([make_bundle(files, "travelled_two")])
    assert not str(sys.modules["travelled_two"].HERE).startswith("/advsweep-plugin")
    assert list(plugins.loaded) == ["travelled_two"]


def test_what_cannot_be_imported_is_named(plugins: Plugins) -> None:
    broken = make_bundle({"travelled_bad.py": b"1 / 0\n"}, "travelled_bad")
    with pytest.raises(UsageError, match=r"^plugin travelled_bad: ZeroDivisionError: division by zero"):
        unpack_plugins([broken])
    missing = make_bundle({"travelled_gone.py": b""}, "travelled_gone", "gone 1.0")
    with pytest.raises(UsageError, match=r"^plugin travelled_gone: ModuleNotFoundError: No module named"):
        unpack_plugins([missing])
    sys.modules["travelled_here"] = type(sys)("travelled_here")
    sys.modules["travelled_here"].__file__ = "/somewhere/travelled_here.py"
    taken = make_bundle({"travelled_here.py": b""}, "travelled_here")
    with pytest.raises(UsageError, match=r"another module of this name is installed here$"):
        unpack_plugins([taken])
    assert "travelled_bad" not in plugins.loaded


def test_what_a_wheel_has_installed_is_compared(plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make_source("colorsys", Path("/here"), {"colorsys.py": b"here"}, "colours 1")
    monkeypatch.setattr(bundles, "read_source", lambda module, file: here if "colorsys" in f"{module}{file}" else None)
    unpack_plugins([Bundle("colorsys", {"colorsys": here}, {})])
    sent = make_source("colorsys", Path("/there"), {"colorsys.py": b"there"}, "colours 2")
    plugins.loaded.clear()
    message = "colorsys: installed here with other content than where the sweep is planned: colours 2, colours 1"
    with pytest.raises(UsageError, match=f"^plugin {message}$"):
        unpack_plugins([Bundle("colorsys", {"colorsys": sent}, {})])
