"""What starts raylets whose workers and agents part from a process that has imported: `parted_ray.py ADDRESS WORDS`.

The words are those of the command `ray`, or a script and its own.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])
    address = sys.argv.pop(1)
    importlib.import_module("tests.support.parted_workers").start_rays_by_stub(address)
    if sys.argv[1].endswith(".py"):
        sys.argv.pop(0)
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        sys.exit(importlib.import_module("ray.scripts.scripts").main())
