"""The command `ray`, whose workers and agents part from a process that has imported: `parted_ray.py ADDRESS WORDS`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])
    address = sys.argv.pop(1)
    importlib.import_module("tests.support.parted_workers").start_rays_by_stub(address)
    sys.exit(importlib.import_module("ray.scripts.scripts").main())
