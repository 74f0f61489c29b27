"""`python -m tests.part_digests`: keep the code of our own parts as it is now, once their versions say what changed.

A key holds the code of a user's part, and of ours only a number that is raised by hand. So that no change goes by
unseen, `tests/part_digests.json` remembers version and code of each part, and a test fails where the code is another
and the version is the same.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tasks.attacks.registry import ATTACKS
from tasks.certificates.registry import CERTIFICATES
from tasks.data.registry import SOURCES
from tasks.generators.registry import GENERATORS
from tasks.kinds import Kind
from tasks.models.registry import ARCHITECTURES
from tasks.pruning.registry import IMPORTANCES
from tasks.registry import load_object
from tasks.training.objectives.registry import OBJECTIVES
from tasks.transformations.registry import TRANSFORMATIONS
from tasks.trial.chain import VERSIONS
from tests.support.checkout import ROOT

KEPT = ROOT / "tests" / "part_digests.json"
SHARED: dict[str, Kind] = {
    "tasks/attacks/engine": "attack", "tasks/evaluation": "attack", "tasks/data": "train", "tasks/models": "train",
    "tasks/generators": "generator",
    "tasks/training": "train", "tasks/training/sparsity": "prune", "tasks/pruning": "prune", "tasks/stages": "train",
}  # fmt: skip
"""Rooms whose loose modules several parts share, and the kind of stage whose version counts for them."""


def list_parts() -> Iterator[tuple[str, int, list[Path]]]:
    """Name, version and files of each part."""
    for name in ATTACKS:
        cls = ATTACKS.load(name)
        yield f"attack {name}", cls.revision, list_folder(cls.__module__)
    for name in GENERATORS:
        yield f"generator {name}", VERSIONS["generator"], list_folder(GENERATORS.load(name).__module__)
    for name in OBJECTIVES:
        yield f"objective {name}", VERSIONS["train"], list_folder(OBJECTIVES.load(name).__module__)
    for name in CERTIFICATES:
        certified = CERTIFICATES.load(name)
        yield f"certificate {name}", certified.revision, list_folder(certified.__module__)
    for name in TRANSFORMATIONS:
        yield f"transformation {name}", VERSIONS["attack"], list_folder(TRANSFORMATIONS.load(name).__module__)
    for name in ARCHITECTURES:
        builder = load_object(ARCHITECTURES.load(name).builder)
        yield f"model {name}", VERSIONS["train"], [find_file(builder.__module__)]
    for name in SOURCES:
        yield f"data set {name}", VERSIONS["train"], [find_file(type(SOURCES.load(name)).__module__)]
    for name in IMPORTANCES:
        yield f"importance {name}", VERSIONS["prune"], [find_file(IMPORTANCES.load(name).__module__)]
    for room, kind in SHARED.items():
        yield f"room {room}", VERSIONS[kind], sorted((ROOT / room).glob("*.py"))


def find_file(module: str) -> Path:
    """The source of a module."""
    return Path(str(inspect.getsourcefile(importlib.import_module(module))))


def list_folder(module: str) -> list[Path]:
    """The files beside a module: an attack and an objective are a folder each."""
    return sorted(find_file(module).parent.glob("*.py"))


def hash_code(files: list[Path]) -> str:
    """A digest of what files say; lines of comments and empty ones say nothing."""
    lines = [line.rstrip() for file in files for line in file.read_text().splitlines()]
    code = [line for line in lines if line and not line.lstrip().startswith("#")]
    return hashlib.sha256("\n".join(code).encode()).hexdigest()[:16]


def read_parts() -> dict[str, list[object]]:
    """Part -> its version and the digest of its code, as they are now."""
    return {name: [version, hash_code(files)] for name, version, files in list_parts()}


def find_unexplained(kept: dict[str, list[object]], now: dict[str, list[object]]) -> list[str]:
    """A line for each part whose code and version are not those that are kept."""
    lines = []
    for name in sorted(kept.keys() | now.keys()):
        before, after = kept.get(name), now.get(name)
        if before is None or after is None:
            lines.append(f"{name} is {'new' if before is None else 'gone'}")
        elif before[1] != after[1] and before[0] == after[0]:
            lines.append(f"{name}: its code has changed and its version has not")
        elif before != after:
            lines.append(f"{name}: its version is {after[0]}, and {before[0]} is kept")
    return lines


def main() -> None:
    """Keep everything as it is now, and say what was not."""
    now = read_parts()
    before = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    entries = ",\n".join(f" {json.dumps(name)}: {json.dumps(now[name])}" for name in sorted(now))
    KEPT.write_text(f"{{\n{entries}\n}}\n")
    sys.stdout.write("".join(f"{line}\n" for line in find_unexplained(before, now)))


if __name__ == "__main__":
    main()
