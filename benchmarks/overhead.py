"""What a trial costs over its stages' own time: ours against a plain Tune grid of trials that do nothing."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks import plain_tune, sleeping
from benchmarks.sleepers import IdleWorker
from orchestrator.text import format_table


def main(arguments: list[str]) -> None:
    """Print milliseconds per trial at several numbers of trials, alternating ours and the peer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks overhead", description=__doc__)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--trials", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args(arguments)
    rows = [_measured(trials, options.slots, options.repeat) for trials in options.trials]
    print(f"{options.slots} slots, medians of {options.repeat}, alternating; every trial has one stage of its own")
    print(format_table(["trials", "advsweep ms a trial", "plain Tune ms a trial", "ratio"], rows))


def _measured(trials: int, slots: int, repeat: int) -> list[str]:
    ours, peers = [], []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
            plan = sleeping.grid(1, 1, 1, trials)
            ours.append(1000 * sleeping.run(plan, Path(folder), slots, IdleWorker).seconds / trials)
        peers.append(1000 * plain_tune.run(trials, 0.0, slots) / trials)
    ratio = statistics.median(mine / other for mine, other in zip(ours, peers, strict=True))
    return [str(trials), f"{statistics.median(ours):.1f}", f"{statistics.median(peers):.1f}", f"{ratio:.2f}"]
