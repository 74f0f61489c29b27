"""`python -m tests.part_values`: keep what every part computes as it is now, once it is meant to be another.

`tests/part_values.json` remembers a few numbers of each attack, objective, certificate, generator, importance,
transformation, network, optimizer and schedule on small inputs, with each of their settings changed by itself. Where
the same settings give other numbers on purpose, the version of the stage says so too (CONTRIBUTING.md).
"""

from __future__ import annotations

import json
import sys

from tests.support.checkout import ROOT
from tests.support.numbers_of import Numbers
from tests.support.part_values import KINDS

KEPT = ROOT / "tests" / "part_values.json"
CLOSE = 2e-3
"""By how much a number may differ by the rounding of another processor, times its size where that is above 1."""


def find_differences(kept: dict[str, Numbers], now: dict[str, Numbers]) -> list[str]:
    """A line for each case that is new, gone, or gives other numbers."""
    lines = []
    for label in sorted(kept.keys() | now.keys()):
        before, after = kept.get(label), now.get(label)
        if before is None or after is None:
            lines.append(f"{label}: is {'new' if before is None else 'gone'}")
        elif not _are_close(before, after):
            lines.append(f"{label}: {after}, and {before} is kept")
    return lines


def _are_close(before: Numbers, after: Numbers) -> bool:
    pairs = zip(before, after, strict=False)
    return len(before) == len(after) and all(abs(a - b) <= CLOSE * max(1.0, abs(a)) for a, b in pairs)


def main() -> None:
    """Keep everything as it is now, and say what was not."""
    before = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    now = {kind: dict(list_values()) for kind, list_values in KINDS.items()}
    for kind, found in now.items():
        sys.stdout.write("".join(f"{kind}: {line}\n" for line in find_differences(before.get(kind, {}), found)))
    kinds = (
        f'"{kind}": {{\n' + ",\n".join(f" {json.dumps(label)}: {json.dumps(found[label])}" for label in found) + "\n}"
        for kind, found in now.items()
    )
    KEPT.write_text("{\n" + ",\n".join(kinds) + "\n}\n")


if __name__ == "__main__":
    main()
