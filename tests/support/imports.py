"""What imports what: read from the source alone, so lazy and type-only imports count like all others."""

from __future__ import annotations

import ast
import functools
import graphlib
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

PACKAGES = ("advsweep", "orchestrator", "tasks", "search_spaces")


def read_sources(root: Path) -> dict[str, str]:
    """The source of every module of the product below `root`, by the module's full name."""
    files = [file for package in PACKAGES for file in sorted((root / package).rglob("*.py"))]
    names = [".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for file in files]
    return dict(zip(names, (file.read_text() for file in files), strict=True))


def read_imports(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """The modules of `sources` that each module imports, anywhere in its file.

    Raises ValueError for a relative import, which this code does not use and which would go uncounted."""
    return {module: set(_resolve(_list_nodes(text), module, sources)) for module, text in sources.items()}


@functools.cache
def _list_nodes(text: str) -> list[ast.Import | ast.ImportFrom | ast.Constant]:
    """The imports and the constants of a source, which several tests ask for: a walk takes 2 s for all of ours."""
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom, ast.Constant))]


def _resolve(nodes: Iterable[ast.AST], module: str, known: Mapping[str, str]) -> Iterable[str]:
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{module}, line {node.lineno}: a relative import")
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield from {full if full in known else str(node.module)} & (known.keys() - {module})
        elif isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & (known.keys() - {module})


def read_named_modules(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """The modules that each module names in a string, as a registry does: `"tasks.models.build:build_model"`."""
    return {
        module: {
            node.value.partition(":")[0]
            for node in _list_nodes(text)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value
        }
        & (sources.keys() - {module})
        for module, text in sources.items()
    }


def find_circles(imports: Mapping[str, Set[str]]) -> list[list[str]]:
    """One way round each knot of modules that import each other, the first module named twice."""
    left, circles = dict(imports), []
    while True:
        try:
            graphlib.TopologicalSorter(left).prepare()
        except graphlib.CycleError as circle:
            circles.append(list(circle.args[1]))
            left = {module: targets - {*circles[-1]} for module, targets in left.items() if module not in circles[-1]}
        else:
            return circles
