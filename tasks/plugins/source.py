"""The code of a plugin: which files it is made of, and digests of them for the keys of the stages that use it.

A plugin is made of the file that registers and of whatever that imports, directly or not, from below the folder its
names are looked up in. What is imported is read off the text of the files. A file that can import by other means than
`import` (importlib, exec and the like) may import anything: then all files of its package count. Of a wheel its list of
files counts too, which names what is no Python.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import sys
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tasks.errors import UsageError

DYNAMIC = frozenset({"importlib", "runpy", "pkgutil", "__import__", "exec", "eval", "compile"})
"""Names through which a file may import what its `import` statements do not say."""
MOST_FILES = 2000
"""Files of one plugin; a home folder taken for a package has more."""


@dataclass(frozen=True)
class Source:
    """The code of one module of a plugin, with all that it imports from beside it."""

    module: str
    """The name under which it is imported."""
    root: Path
    """The folder in which its first name is looked up."""
    digests: Mapping[str, str]
    """File below `root`, `/` between names -> sha256 of its content, sorted."""
    distribution: str | None
    """`name version` of the wheel that installed it; null where it is a file or a folder of somebody's own."""


def name_module(file: Path) -> tuple[str, Path]:
    """The name under which a file is imported, and the folder in which its first name is looked up."""
    names = [] if file.name == "__init__.py" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names), folder


_KNOWN: dict[str, Source] = {}


def know_source(source: Source) -> None:
    """Take this for the code of its module, which has come from another process."""
    _KNOWN[source.module] = source


@lru_cache(maxsize=256)
def read_source(module: str, file: Path) -> Source:
    """The code of an imported module. It is read once in a process: what counts is what was imported.

    :param file: where the module was imported from, a full path.
    :raises UsageError: a file cannot be read, or there are too many.
    """
    root = file.parents[module.count(".") + (file.name == "__init__.py")]
    wheel = _find_wheel(file)
    found = sorted(trace_files(module, root, None if wheel is None else _list_files(wheel, root)))
    if len(found) > MOST_FILES:
        raise UsageError(f"plugin {module}: it takes in {len(found)} files below {root}: give it a folder of its own")
    digests = {name: hashlib.sha256(_read(root / name)).hexdigest() for name in found}
    if wheel is None:
        return Source(module, root, digests, None)
    name = f"{wheel.metadata['Name']} {wheel.version}"
    return Source(module, root, digests | {name: _hash_record(wheel)}, name)


def find_source(module: str) -> Source:
    """The code of a module that is imported, or that has come from another process."""
    return _KNOWN.get(module) or read_source(module, Path(str(sys.modules[module].__file__)).resolve())


def hash_code(module: str) -> Mapping[str, str]:
    """The digests of an imported module: file -> sha256."""
    return find_source(module).digests


def trace_files(module: str, root: Path, among: Container[str] | None = None) -> set[str]:
    """The files below a folder that a module is made of: its own, and those of what it imports.

    :param among: the only files that count, such as those of a wheel, which lies beside all others; null: every file.
    """
    found: set[str] = set()
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _locate(name, root)
        if file is None or (among is not None and file.relative_to(root).as_posix() not in among):
            continue
        found.add(file.relative_to(root).as_posix())
        if "." in name:
            waiting.append(name.rpartition(".")[0])  # its `__init__.py` runs first
        tree = _parse(file)
        if any(_is_dynamic(node) for node in ast.walk(tree)):
            found |= _list_all(name, root)
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        waiting += _list_imports(tree, package)
    return found if among is None else {name for name in found if name in among}


def _locate(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split("."))
    for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
        if file.is_file():
            return file
    return None


def _list_imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Every name that an import statement may mean, wherever it stands; `from a import b` may mean a module `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            if target:
                yield target
                yield from (f"{target}.{alias.name}" for alias in node.names)


def _is_dynamic(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in DYNAMIC
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] in DYNAMIC for alias in node.names)
    return isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] in DYNAMIC


def _list_all(module: str, root: Path) -> set[str]:
    """Every Python file that a file of this name might import: of its package, or beside it where it is in none."""
    top = root / module.split(".")[0]
    files = top.rglob("*.py") if top.is_dir() else root.glob("*.py")
    return {file.relative_to(root).as_posix() for file in files}


def _parse(file: Path) -> ast.AST:
    try:
        return ast.parse(_read(file))
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"plugin file {file}: {error}") from error


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"plugin file {file}: {error.strerror}") from error


def _find_wheel(file: Path) -> importlib.metadata.Distribution | None:
    if not {"site-packages", "dist-packages"} & set(file.parts):
        return None  # asking every installed package takes a second
    for found in importlib.metadata.distributions():
        named = (path for path in found.files or () if path.name == file.name)
        if any(Path(str(found.locate_file(path))).resolve() == file.resolve() for path in named):
            return found
    return None


def _list_files(wheel: importlib.metadata.Distribution, root: Path) -> set[str]:
    """The files of a wheel below a folder, as `trace_files` names them."""
    places = (Path(str(wheel.locate_file(path))) for path in wheel.files or ())
    return {place.relative_to(root).as_posix() for place in places if place.is_relative_to(root)}


def _hash_record(wheel: importlib.metadata.Distribution) -> str:
    """sha256 over the names and hashes of a wheel's files, without what the installer has added."""
    entries = sorted(
        f"{path} {path.hash.value}"
        for path in wheel.files or ()
        if path.hash is not None and ".dist-info" not in str(path) and path.suffix != ".pyc"
    )
    return hashlib.sha256("\n".join(entries).encode()).hexdigest()
