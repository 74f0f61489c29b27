"""`python -m tests.measure_house [--json] [CHECKOUT]`: what docs/architecture.md says of the code, measured anew.

It reads the sources alone, of this checkout or of another one, and needs no installed package.
"""

from __future__ import annotations

import ast
import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.checkout import ROOT
from tests.support.imports import find_circles, read_imports, read_sources

VERBS = frozenset((ROOT / "tests" / "support" / "verbs.txt").read_text().split())
"""With which functions begin here; `main`, `with_x` and `is_x` count as such."""


def measure(root: Path) -> dict[str, Any]:
    """The figures of the checkout at `root`."""
    sources = read_sources(root)
    imports = read_imports(sources)
    lengths = [
        (node.end_lineno or 0) - node.lineno + 1
        for text in sources.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    names = _name_functions(sources)
    loose = [
        module
        for module in sources
        if module.count(".") == 1 and not module.endswith("__main__") and not _has_modules_below(module, sources)
    ]
    return {
        "modules": len(sources),
        "rooms": len({module.rpartition(".")[0] for module in sources if "." in module}),
        "arrows": sum(map(len, imports.values())),
        "circles": find_circles(imports),
        "loose_orchestrator": sum(module.startswith("orchestrator.") for module in loose),
        "loose_tasks": sum(module.startswith("tasks.") for module in loose),
        "longest_module": max(text.count("\n") for text in sources.values()),
        "longest_function": max(lengths),
        "median_function": statistics.median(lengths),
        "verb_first": sum(_begins_with_a_verb(name) for name in names) / len(names),
    }


def _has_modules_below(module: str, sources: Mapping[str, str]) -> bool:
    return any(other.startswith(f"{module}.") for other in sources)


def _name_functions(sources: Mapping[str, str]) -> list[str]:
    """Names of all functions that stand in a module itself; a model's builder is named as the model."""
    return [
        node.name
        for module, text in sources.items()
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and ".architectures." not in module and not node.name.startswith("__")
    ]


def _begins_with_a_verb(name: str) -> bool:
    return name.strip("_").split("_")[0] in VERBS


def main(arguments: list[str]) -> None:
    """Print the figures."""
    folders = [word for word in arguments if word != "--json"]
    found = measure(Path(folders[0]) if folders else ROOT)
    if "--json" in arguments:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    for name, value in found.items():
        shown = f"{value:.1%}" if isinstance(value, float) and value < 1 else value
        sys.stdout.write(f"{name:20} {shown}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
