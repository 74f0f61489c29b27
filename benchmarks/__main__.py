"""`python -m benchmarks NAME [options]`: run one benchmark and print its table."""

from __future__ import annotations

import importlib
import sys

BENCHMARKS = {
    "sweep": "benchmarks.sweep",
    "overhead": "benchmarks.overhead",
}
"""Name -> module with `main(arguments)`."""


def main(arguments: list[str]) -> int:
    """Run the benchmark that the first argument names."""
    if not arguments or arguments[0] not in BENCHMARKS:
        print(f"usage: python -m benchmarks {{{','.join(BENCHMARKS)}}} [options]", file=sys.stderr)
        return 2
    importlib.import_module(BENCHMARKS[arguments[0]]).main(arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
