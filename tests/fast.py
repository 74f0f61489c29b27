"""`python -m tests.fast [ROOM ...] [OPTION ...]`: the quick tests in two processes, for two cores.

Without a room, such as `tests/orchestrator/report`, they are all of them; options are pytest's. Each process takes its
own half and imports no other. Processes of pytest-xdist collect all tests each, and send word of every test to a third.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.matrix import QUICK
from tests.support.checkout import ROOT
from tests.support.made_once import GIVEN

FIRST = ("tests/orchestrator",)
HALVES = (FIRST, ("tests", *(f"--ignore={folder}" for folder in FIRST)))
"""What tells pytest the tests of each, where no room is named."""
NONE_CHOSEN = 5
"""How pytest ends where its options choose no test, as `-k` may in one of the halves."""


def main(options: Sequence[str]) -> int:
    """Run the halves beside each other: one is seen as it goes, the other when both have ended.

    :returns: 0 where both passed.
    """
    rooms = [option for option in options if option.startswith("tests/") and (ROOT / option).is_dir()]
    halves = deal_files(rooms) if rooms else HALVES
    options = [option for option in options if option not in rooms]
    with tempfile.TemporaryDirectory(prefix="fast-") as folder, (Path(folder) / "output").open("w+") as kept:
        environment = os.environ | {GIVEN: folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # whatever they start would compile our sources anew
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "pytest", "-n0", "-m", QUICK, *half, *options],
                cwd=ROOT, env=environment, stdout=output, stderr=output,
            )
            for half, output in zip(halves, (kept, None), strict=True)
            if half
        ]  # fmt: skip
        codes = [process.wait() for process in started]
        kept.seek(0)
        sys.stdout.write(kept.read())
    return judge_codes(codes)


def deal_files(rooms: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files of rooms in two parts of about the same length.

    :param rooms: folders below the root of the repository.
    """
    found = {file for room in rooms for file in (ROOT / room).rglob("test_*.py")}
    halves: tuple[list[str], list[str]] = ([], [])
    lengths = [0, 0]
    for file in sorted(found, key=lambda file: (-file.stat().st_size, file)):
        shorter = lengths.index(min(lengths))
        halves[shorter].append(str(file.relative_to(ROOT)))
        lengths[shorter] += file.stat().st_size
    return halves


def judge_codes(codes: Sequence[int]) -> int:
    """The exit code of both, from that of each."""
    return next((code for code in codes if code not in (0, NONE_CHOSEN)), 0 if 0 in codes else NONE_CHOSEN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
