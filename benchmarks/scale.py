"""How the cost of a sweep grows: trials on many nodes, planning, and queries over many example rows."""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.cluster.guard import MARK, bury
from orchestrator.cluster.machine import LONGEST_FOLDER
from orchestrator.text import format_table

LOOPBACK = "127.0.0.1"
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
"""Read by Ray when it is imported."""
COMMAND = [sys.executable, "-m", "advsweep"]
BIG = """
description: as many trials as there are seeds times a thousand
seed: {{grid_search: {seeds}}}
dataset: {{name: digits}}
model: {{name: {{grid_search: [resnet8, resnet18]}}}}
train: {{epochs: 4, batch_size: 64, optimizer: {{name: sgd, lr: 0.01}}}}
prune: {{ratio: {{grid_search: [0.1, 0.2, 0.3, 0.4, 0.5]}}}}
finetune: {{epochs: 6, optimizer: {{name: sgd, lr: 1.0e-3, momentum: 0.9}}}}
adversarial_finetune:
  lambda: {{grid_search: [0.1, 0.3, 0.5, 0.7, 0.9]}}
  epochs: 3
  optimizer: {{name: sgd, lr: 0.01}}
  attack: {{name: ifgsm, eps: 4/255, steps: 3}}
attack:
  name: ifgsm
  eps: {{grid_search: [2/255, 4/255, 6/255, 8/255]}}
  steps: {{grid_search: [1, 5, 10, 15, 20]}}
"""


def main(arguments: list[str]) -> None:
    """Print the tables; see `docs/benchmarks.md`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=__doc__)
    parser.add_argument("--trials", type=int, nargs="*", default=[1000, 10000], help="multiples of 100")
    parser.add_argument("--nodes", type=int, default=8, help="Ray nodes on this machine, beside the head")
    parser.add_argument("--plans", type=int, nargs="*", default=[1000, 10000, 100000], help="multiples of 1000")
    parser.add_argument("--stages", type=int, nargs="*", default=[100, 1000], help="attack stages with examples")
    parser.add_argument("--images", type=int, default=10000, help="example rows of each")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda signum, _: sys.exit(128 + signum))
    if options.one:
        print(json.dumps(_sweep(options.one, options.nodes)))
        return
    if options.trials:
        print(_sweeps(options.trials, options.nodes))
    if options.plans:
        print(_plans(options.plans))
    if options.stages:
        print(_queries(options.stages, options.images))


def _sweeps(sizes: list[int], nodes: int) -> str:
    """A process for each size: the peak of its memory is then its own."""
    rows = []
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks", "scale", "--one", str(size), "--nodes", str(nodes)]
        rows.append(list(json.loads(_read_output(command).splitlines()[-1]).values()))
    columns = ["trials", "distinct stages", "most runs of one", "wall s", "wall ms a trial", "driver CPU ms a trial",
               "driver peak MB"]  # fmt: skip
    title = f"\nsweeps on {nodes} Ray nodes of one CPU each, stages of 10 ms\n"
    return title + format_table(columns, rows)


def _read_output(command: list[str]) -> str:
    """What a process of ours prints; it is asked to end in order where this one is ended, and takes its Ray along."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | LOOPBACK_ONLY)
    try:
        shown, _ = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return shown


def _sweep(trials: int, nodes: int) -> dict[str, str]:
    """Run one sweep in this process."""
    from benchmarks import sleeping  # here, since the process that starts the others needs none of it
    from benchmarks.sleepers import BriefWorker

    plan = sleeping.grid(trials // 100, 2, 2, 25)
    with tempfile.TemporaryDirectory(prefix="scale-") as folder, _nodes(nodes) as address:
        before = time.process_time()
        measured = sleeping.run(plan, Path(folder), nodes, BriefWorker, address)
        cpu = time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    each = 1000 / len(plan.trials)
    return {
        "trials": str(len(plan.trials)),
        "stages": str(len(plan.stages)),
        "runs": str(max(measured.executions.values())),
        "wall": f"{measured.seconds:.0f}",
        "wall_ms": f"{measured.seconds * each:.1f}",
        "cpu_ms": f"{cpu * each:.1f}",
        "peak": f"{peak:.0f}",
    }


def _find_short_folder() -> str:
    """Where temporary files go, if sockets below it get names that can exist."""
    folder = tempfile.gettempdir()
    return folder if len(folder) <= LONGEST_FOLDER else "/tmp"


@contextmanager
def _nodes(count: int) -> Iterator[str]:
    """A head and so many nodes on loopback; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir=_find_short_folder(), ignore_cleanup_errors=True) as folder:
        (Path(folder) / "ray").mkdir()
        os.environ |= {"RAY_TMPDIR": folder, MARK: folder}
        from ray.cluster_utils import Cluster

        common: dict[str, Any] = {
            "node_ip_address": LOOPBACK,
            "include_dashboard": False,
            "object_store_memory": 100 * 2**20,
        }
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "temp_dir": f"{folder}/ray", **common})
        try:
            for _ in range(count):
                cluster.add_node(num_cpus=1, **common)
            yield str(cluster.address)
        finally:
            cluster.shutdown()
            bury(Path(folder))  # what has not ended yet would write into the folder while it is removed


def _plans(sizes: list[int]) -> str:
    rows = []
    with tempfile.TemporaryDirectory(prefix="plans-") as folder:
        for size in sizes:
            space = Path(folder) / f"big{size}.yaml"
            space.write_text(BIG.format(seeds=list(range(size // 1000))))
            wall, cpu, _ = _timed(["plan", "--space", str(space), "--storage", f"{folder}/none"])
            rows.append([str(size), f"{wall:.1f}", f"{cpu:.1f}"])
    return "\n`advsweep plan`, the start of Python included\n" + format_table(["trials", "wall s", "CPU s"], rows)


def _queries(stages: list[int], images: int) -> str:
    from benchmarks import example_rows

    rows = []
    for count in stages:
        with tempfile.TemporaryDirectory(prefix="examples-") as folder:
            sweep = example_rows.write(Path(folder), count, images)
            for name, query in example_rows.QUERIES.items():
                wall, cpu, _ = _timed(["results", sweep, "--storage", folder, *query])
                rows.append([f"{count * images:,}", str(count), name, f"{wall:.1f}", f"{cpu:.1f}"])
    title = "\n`advsweep results` over example rows, the start of Python included\n"
    return title + format_table(["example rows", "files", "query", "wall s", "CPU s"], rows)


def _timed(arguments: list[str]) -> tuple[float, float, str]:
    """Wall and CPU seconds of a command, and what it printed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run([*COMMAND, *arguments], check=True, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended.stdout
