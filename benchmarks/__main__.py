"""`python -m benchmarks NAME [options]`: run one benchmark and print its table."""

from __future__ import annotations

import importlib
import sys

BENCHMARKS = {
    "attack": "benchmarks.attack",
    "columns": "benchmarks.columns",
    "gpu": "benchmarks.gpu",
    "images": "benchmarks.images",
    "overhead": "benchmarks.overhead",
    "scale": "benchmarks.scale",
    "smallest": "benchmarks.smallest",
    "sweep": "benchmarks.sweep",
}
"""Name -> module with `main(arguments)`; it may return an exit code."""


def main(arguments: list[str]) -> int:
    """Run the benchmark that the first argument names."""
    if not arguments or arguments[0] not in BENCHMARKS:
        print(f"usage: python -m benchmarks {{{','.join(BENCHMARKS)}}} [options]", file=sys.stderr)
        return 2
    return importlib.import_module(BENCHMARKS[arguments[0]]).main(arguments[1:]) or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
