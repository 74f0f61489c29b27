"""Wall time of a sweep whose stages only sleep: ours, the ideal schedule, and a plain Tune grid, in one run."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks import digits, plain_tune, sleeping
from benchmarks.sleepers import SECONDS
from orchestrator.plan.plan import Plan
from orchestrator.text import format_table


def main(arguments: list[str]) -> None:
    """Print the table; see `docs/benchmarks.md`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sweep", description=__doc__)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--grid", type=int, nargs=4, default=[2, 3, 4, 8], metavar=("MODELS", "RATIOS", "LAMBDAS", "N"))
    parser.add_argument("--repeat", type=int, default=3, help="runs of ours; the median counts")
    parser.add_argument("--digits", action="store_true", help="run the real digits grid as well: minutes")
    parser.add_argument("--skip-peer", action="store_true", help="leave the plain Tune grid out: it takes minutes")
    options = parser.parse_args(arguments)
    plan = sleeping.grid(*options.grid)
    ideal = sleeping.ideal(plan, options.slots)
    ours, most = zip(*(_ours(plan, options.slots) for _ in range(options.repeat)), strict=True)
    wall = statistics.median(ours)
    rows = [
        ["list schedule of distinct stages (no overhead)", f"{ideal.seconds:.1f}", "1.00", "-", "-"],
        ["advsweep", f"{wall:.1f}", f"{wall / ideal.seconds:.2f}", "-", str(max(most))],
    ]
    if not options.skip_peer:
        each = sum(SECONDS[kind] for kind in ("train", "prune", "adversarial_finetune", "attack"))
        peer = plain_tune.run(len(plan.trials), each, options.slots)
        slower = f"{peer / wall:.1f}"
        rows.append(["plain Tune grid", f"{peer:.1f}", f"{peer / ideal.seconds:.2f}", slower, "every trial its own"])
    size = f"{len(plan.trials)} trials, {len(plan.stages)} distinct stages, {options.slots} slots"
    print(f"{size}; advsweep: median of {options.repeat}")
    print(format_table(["how", "wall s", "over ideal", "slower than advsweep", "most runs of one stage"], rows))
    if options.digits:
        print(digits.table())


def _ours(plan: Plan, slots: int) -> tuple[float, int]:
    """Wall seconds of the sweep once Ray is up, and how often the most frequent stage ran."""
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        measured = sleeping.run(plan, Path(folder), slots)
        return measured.seconds, max(measured.executions.values())
