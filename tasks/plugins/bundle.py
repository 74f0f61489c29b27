"""Carry the code of plugins to another process, and import it there from memory: the same bytes on every node.

Nothing is written to a disk there, so a plugin finds no other files beside itself. What a wheel has installed does not
travel: it must be installed there too, with the same content.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import SourceLoader
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.errors import UsageError
from tasks.plugins.load import PLUGINS, Plugin
from tasks.plugins.source import Source, find_source, know_source, read_source

PLACE = PurePosixPath("/advsweep-plugin")
"""Where the files of a plugin seem to lie in tracebacks."""


@dataclass(frozen=True)
class Bundle:
    """One plugin on its way to another process."""

    module: str
    sources: Mapping[str, Source]
    """Every module of it that has registered a part, by its name."""
    files: Mapping[str, bytes]
    """File -> content; empty where a wheel brought it."""


def pack_plugins(plugins: Iterable[Plugin] | None = None) -> tuple[Bundle, ...]:
    """The plugins of this process, ready to be sent.

    :raises UsageError: a file has changed since it was imported: what would travel is not what made the plan.
    """
    return tuple(_pack(plugin) for plugin in (PLUGINS.loaded.values() if plugins is None else plugins))


def _pack(plugin: Plugin) -> Bundle:
    source = plugin.source
    sources = {source.module: source} | {name: find_source(name) for name in plugin.list_origins()}
    if source.distribution is not None:
        return Bundle(source.module, sources, {})
    files: dict[str, bytes] = {}
    for name, digest in {name: digest for found in sources.values() for name, digest in found.digests.items()}.items():
        files[name] = (source.root / name).read_bytes()
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise UsageError(f"plugin {plugin.reference}: {source.root / name} has changed since it was imported")
    return Bundle(source.module, sources, files)


def write_plugins(folder: Path, base: Path) -> tuple[str, ...]:
    """Write the plugins of this process as files below a folder; how each is asked for from `base`.

    What a wheel has installed is not written, and asked for by the name of its module.
    """
    references = []
    for bundle in pack_plugins():
        for name, content in bundle.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        path = folder.joinpath(*bundle.module.split("."))
        written = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        references.append(str(written.relative_to(base)) if bundle.files else bundle.module)
    return tuple(references)


def unpack_plugins(bundles: Sequence[Bundle]) -> None:
    """Import plugins that another process has packed.

    :raises UsageError: one cannot be imported here, or is installed here with other content.
    """
    for bundle in bundles:
        if bundle.module in PLUGINS.loaded:
            continue
        for source in bundle.sources.values():
            know_source(source)
        if bundle.files:
            # its own name was nobody else's where it comes from; whatever it imports is looked up here first
            first = bundle.module.split(".")[0]
            own = {
                name: content for name, content in bundle.files.items() if name.split("/")[0] in (first, f"{first}.py")
            }
            sys.meta_path.insert(0, _MemoryFinder(own))
            sys.meta_path.append(_MemoryFinder(bundle.files))
        if PLUGINS.load(bundle.module) is None:
            raise UsageError(f"plugin {bundle.module}: {PLUGINS.failures[bundle.module]}")
        if not bundle.files:
            _check_installed(bundle)
        elif not str(sys.modules[bundle.module].__file__).startswith(f"{PLACE}/"):
            raise UsageError(f"plugin {bundle.module}: another module of this name is installed here")


def _check_installed(bundle: Bundle) -> None:
    for module, sent in bundle.sources.items():
        here = read_source(module, Path(str(sys.modules[module].__file__)).resolve())
        if here.digests != sent.digests:
            names = ", ".join(dict.fromkeys(filter(None, (sent.distribution, here.distribution))))
            raise UsageError(
                f"plugin {module}: installed here with other content than where the sweep is planned: {names}"
            )


class _MemoryFinder:
    """Finds the modules of one bundle."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._loader = _MemoryLoader(files)
        self._files = files

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        stem = name.replace(".", "/")
        if f"{stem}/__init__.py" in self._files:
            file = PLACE / stem / "__init__.py"
            return importlib.util.spec_from_file_location(
                name, str(file), loader=self._loader, submodule_search_locations=[str(file.parent)]
            )
        if f"{stem}.py" in self._files:
            return importlib.util.spec_from_file_location(name, str(PLACE / f"{stem}.py"), loader=self._loader)
        return None


class _MemoryLoader(SourceLoader):
    """Reads modules from the bytes that have travelled."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def get_filename(self, fullname: str) -> str:
        spec = sys.modules[fullname].__spec__ if fullname in sys.modules else None
        if spec is None or spec.origin is None:
            raise ImportError(fullname)
        return spec.origin

    def get_data(self, path: str | bytes) -> bytes:
        try:
            return self._files[str(PurePosixPath(os.fsdecode(path)).relative_to(PLACE))]
        except (KeyError, ValueError) as error:
            raise FileNotFoundError(os.fsdecode(path)) from error
