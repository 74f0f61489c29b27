"""The list of mutations: a TOML file for each area, below `areas/`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.checkout import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

AREAS = Path(__file__).parent / "areas"
NOTICED = Path(__file__).parent / "noticed.txt"
"""The reasons of the mutations that were noticed when they were last run."""


@dataclass(frozen=True)
class Mutation:
    """One mistake."""

    area: str
    file: str
    """Below the root of the checkout."""
    before: str
    """A piece of its text that stands there exactly once."""
    after: str
    tests: tuple[str, ...]
    """What should notice it, as pytest is told."""
    why: str
    """What the mistake would mean, in a few words; no other mutation has the same."""
    survives: str
    """Why no test can notice it; empty: one does."""
    quick: bool
    """Whether its tests take a few seconds alone, so that it may be part of a sample."""

    def apply(self, root: Path) -> str:
        """The text of the file with the mistake in it.

        :raises ValueError: what is to be replaced does not stand there, or more than once.
        """
        text = (root / self.file).read_text()
        if (count := text.count(self.before)) != 1:
            raise ValueError(f"{self.area}, {self.why}: {count} times in {self.file}: {self.before}")
        return text.replace(self.before, self.after)


def list_areas() -> list[str]:
    """The names of the areas."""
    return sorted(file.stem for file in AREAS.glob("*.toml"))


def load_mutations(areas: Iterable[str] = ()) -> list[Mutation]:
    """The mutations of these areas; of all where none is named."""
    return [mutation for area in areas or list_areas() for mutation in _load_area(area)]


def read_noticed() -> set[str]:
    """The reasons of the mutations that were noticed when they were last run."""
    return set(NOTICED.read_text().splitlines())


def note_outcomes(outcomes: Mapping[str, bool]) -> None:
    """Keep for each reason whether it was noticed now; what was not run stays as it was."""
    noticed = read_noticed() - outcomes.keys() | {reason for reason, is_killed in outcomes.items() if is_killed}
    NOTICED.write_text("".join(f"{reason}\n" for reason in sorted(noticed)))


def _load_area(area: str) -> list[Mutation]:
    content: dict[str, Any] = tomllib.loads((AREAS / f"{area}.toml").read_text())
    return [
        Mutation(
            area,
            file["path"],
            entry["before"],
            entry["after"],
            tuple(entry.get("tests", file["tests"])),
            entry["why"],
            entry.get("survives", ""),
            entry.get("quick", file.get("quick", True)),
        )
        for file in content["file"]
        for entry in file["mutation"]
    ]


def find_missing_tests(mutations: Iterable[Mutation], root: Path = ROOT) -> list[str]:
    """Tests that are named and are not there: files, and functions in them."""
    missing = []
    for name in sorted({name for mutation in mutations for name in mutation.tests}):
        file, _, test = name.partition("::")
        path = root / file
        function = test.rpartition("::")[2].partition("[")[0]
        if not path.exists() or (function and f"def {function}(" not in path.read_text()):
            missing.append(name)
    return missing
