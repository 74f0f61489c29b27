"""`python -m tests.part_values`: keep what every part computes as it is now, once it is meant to be another.

`tests/part_values.json` remembers a few numbers of each attack, objective, certificate, generator, importance,
transformation, network, optimizer and schedule on small inputs, with each of their settings changed by itself. Where
the same settings give other numbers on purpose, the version of the stage says so too (CONTRIBUTING.md). A case whose
numbers are others with the plainest kernels of torch, since an attack decides by a rounding, is kept as null.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from tests.support.checkout import ROOT
from tests.support.numbers_of import Numbers
from tests.support.part_values import KINDS

KEPT = ROOT / "tests" / "part_values.json"
PLAIN = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
"""What has torch compute as on a processor of another make."""
CLOSE = 2e-3
"""By how much a number may differ by the rounding of another processor, times its size where that is above 1."""


def find_differences(kept: Mapping[str, Numbers | None], now: Mapping[str, Numbers]) -> list[str]:
    """A line for each case that is new, gone, or gives other numbers."""
    lines = []
    for label in sorted(kept.keys() | now.keys()):
        if label not in kept or label not in now:
            lines.append(f"{label}: is {'gone' if label in kept else 'new'}")
            continue
        before, after = kept[label], now[label]
        if before is not None and not _are_close(before, after):
            lines.append(f"{label}: {after}, and {before} is kept")
    return lines


def _are_close(before: Numbers, after: Numbers) -> bool:
    pairs = zip(before, after, strict=False)
    return len(before) == len(after) and all(abs(a - b) <= CLOSE * max(1.0, abs(a)) for a, b in pairs)


def compute_values() -> dict[str, dict[str, Numbers]]:
    """Of each kind the label of each case and its numbers."""
    return {kind: dict(list_values()) for kind, list_values in KINDS.items()}


def main() -> None:
    """Keep everything as it is now, and say what was not."""
    if sys.argv[1:] == ["--print"]:
        json.dump(compute_values(), sys.stdout)
        return
    before = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    now = compute_values()
    command = [sys.executable, "-m", "tests.part_values", "--print"]
    elsewhere = json.loads(subprocess.check_output(command, env={**os.environ, **PLAIN}))
    kinds = []
    for kind, found in now.items():
        sys.stdout.write("".join(f"{kind}: {line}\n" for line in find_differences(before.get(kind, {}), found)))
        same = {label: found[label] if _are_close(found[label], elsewhere[kind][label]) else None for label in found}
        lines = ",\n".join(f" {json.dumps(label)}: {json.dumps(same[label])}" for label in same)
        kinds.append(f"{json.dumps(kind)}: {{\n{lines}\n}}")
    KEPT.write_text("{\n" + ",\n".join(kinds) + "\n}\n")


if __name__ == "__main__":
    main()
