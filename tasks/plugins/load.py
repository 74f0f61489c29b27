"""Import plugins, and remember which parts each has brought and why one could not be imported.

A plugin is a file, a folder that is a package, a module that is installed, or an entry point of the group
`advsweep.plugins`. Its folder is not put on Python's path: only the names that the plugin itself imports are found
there, and only after everything that is installed, so that nothing else that lies there is ever imported.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from tasks.errors import UsageError
from tasks.plugins.source import Source, find_source, hash_code, name_module, trace_files
from tasks.registry import Registry, watch_additions

GROUP = "advsweep.plugins"
"""The group of entry points by which an installed package brings its parts."""
VARIABLE = "ADVSWEEP_PLUGINS"
"""Plugins for every command, separated as the system separates folders in a path."""


@dataclass(frozen=True)
class Plugin:
    """A module that was imported for the parts that it brings."""

    reference: str
    """How it was asked for."""
    source: Source
    parts: tuple[tuple[str, str, str], ...]
    """Kind, name and registering module of every part that its import has brought."""

    def list_origins(self) -> list[str]:
        """The modules that have registered parts."""
        return list(dict.fromkeys(origin for _, _, origin in self.parts))

    def list_digests(self) -> dict[str, str]:
        """File -> sha256 of all code that is in the key of some stage that uses a part of it."""
        return {name: digest for origin in self.list_origins() for name, digest in hash_code(origin).items()}


class Plugins:
    """What one process has imported; the first import of a plugin counts."""

    def __init__(self) -> None:
        self.loaded: dict[str, Plugin] = {}
        """Module -> plugin, in the order in which they were imported."""
        self.failures: dict[str, str] = {}
        """Reference -> why it could not be imported, in one line."""

    def load(self, reference: str) -> Plugin | None:
        """Import a plugin; null where that fails, and `failures` says why. Parts it had registered by then are removed.

        :param reference: `FILE.py`, a folder with `__init__.py`, or `package.module` that is installed.
        """
        before: list[tuple[Registry[object], str]] = []
        try:
            with watch_additions(before.append):
                module = _import(reference)
            known = self.loaded.get(module.__name__)
            plugin = known or Plugin(
                reference,
                find_source(module.__name__),
                tuple((registry.kind, name, str(registry.find_origin(name))) for registry, name in before),
            )
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may raise anything, SystemExit too
            for registry, name in before:
                registry.remove(name)
            self.failures[reference] = _describe(error)
            return None
        self.loaded[module.__name__] = plugin
        self.failures.pop(reference, None)
        return plugin


PLUGINS = Plugins()
"""Of this process."""


def load_plugins(references: Iterable[str] = ()) -> list[str]:
    """Import plugins in this order, then those of `$ADVSWEEP_PLUGINS`, then those that installed packages bring.

    :returns: a line for each of the variable and of packages that could not be imported; it takes nothing else down.
    :raises UsageError: there is nothing at one of the references, or some cannot be imported: somebody wants them now.
    """
    references = [references] if isinstance(references, str) else list(references)
    for reference in references:
        if _is_path(reference) and not _resolve(reference).exists():
            raise UsageError(f"plugin {reference}: there is no such file")
    variable = [part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    asked = dict.fromkeys([*references, *variable, *_list_installed()])
    for reference in asked:
        PLUGINS.load(reference)
    lines = {name: f"plugin {name}: {PLUGINS.failures[name]}" for name in asked if name in PLUGINS.failures}
    if refused := [lines[name] for name in references if name in lines]:
        raise UsageError("\n".join(dict.fromkeys(refused)))
    return list(lines.values())


def _list_installed() -> tuple[str, ...]:
    """The modules that installed packages bring."""
    return _read_entry_points(tuple((folder, _read_change_time(folder)) for folder in sys.path))


@functools.lru_cache(maxsize=2)
def _read_entry_points(folders: tuple[tuple[str, int], ...]) -> tuple[str, ...]:  # noqa: ARG001
    """Every package is looked through once, until one comes or goes.

    :param folders: where packages are installed, and when a name in them has changed last.
    """
    return tuple(point.value.split(":")[0] for point in importlib.metadata.entry_points(group=GROUP))


def _read_change_time(folder: str) -> int:
    """Nanoseconds; 0: there is no such folder."""
    try:
        return os.stat(folder or ".").st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0


class _Finder:
    """Finds the modules of one plugin by their first names, below its folder."""

    def __init__(self, root: Path, names: frozenset[str]) -> None:
        self.root = root
        self.names = names

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if path is not None or name not in self.names:
            return None
        package = self.root / name / "__init__.py"
        if package.is_file():
            return importlib.util.spec_from_file_location(
                name, package, submodule_search_locations=[str(package.parent)]
            )
        return importlib.util.spec_from_file_location(name, self.root / f"{name}.py")


def _is_path(reference: str) -> bool:
    """Whether a plugin is named by its place, and not as a module."""
    return reference.endswith(".py") or reference[:1] in (".", "~") or "/" in reference or os.sep in reference


def _resolve(reference: str) -> Path:
    return Path(os.path.expanduser(reference)).resolve()  # noqa: PTH111 - `Path.expanduser` refuses unknown users


def _import(reference: str) -> ModuleType:
    """:raises UsageError: there is no such file or module, or its name is taken."""
    if not reference.strip():
        raise UsageError("is empty; is a variable of the shell unset?")
    path = _resolve(reference)
    if not _is_path(reference) and not (path / "__init__.py").is_file():
        if path.exists() and importlib.util.find_spec(reference.split(".")[0]) is None:
            raise UsageError("is neither a Python file nor a folder with an __init__.py")
        return importlib.import_module(reference)
    file = path / "__init__.py" if path.is_dir() else path
    if not file.is_file():
        raise UsageError("there is no such file" if path.suffix == ".py" else "is no folder with an __init__.py")
    name, root = name_module(file)
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{name!r} is no name of a Python module: rename the file")
    names = {found.split("/")[0].removesuffix(".py") for found in trace_files(name, root)}
    sys.meta_path.append(_Finder(root, frozenset(names)))
    module = importlib.import_module(name)
    if module.__file__ is None or Path(module.__file__).resolve() != file:
        raise UsageError(
            f"{name!r} is the name of a module that is installed or loaded already ({module.__file__}): rename the file"
        )
    return module


def _describe(error: BaseException) -> str:
    """The error in one line, with the last line of code that was the plugin's own."""
    try:
        text = " ".join(str(error).split()) or "no message"
    except Exception:  # an error of somebody's own may fail to say itself
        text = "no message"
    if isinstance(error, UsageError):
        return text
    ours = (str(Path(__file__).parents[2]), "<frozen", str(Path(importlib.__file__).parent))
    calls = [call for call in traceback.extract_tb(error.__traceback__) if not call.filename.startswith(ours)]
    place = f" ({Path(calls[-1].filename).name}, line {calls[-1].lineno})" if calls else ""
    return f"{type(error).__name__}: {text}{place}"
