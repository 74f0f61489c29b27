"""Watching sweeps that run as jobs: begun, left with Ctrl-C, joined again."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from rich.console import Console

from orchestrator.cluster.address import Address
from orchestrator.cluster.packages import count_code_bytes
from orchestrator.options import INTERRUPTED
from orchestrator.remote.ray_jobs import OF_RAY, RayJobs
from orchestrator.remote.submission import JobSubmission
from orchestrator.text import format_count, say

PROGRESS = re.compile(r"^\[.*\] trials \d|^\d+ trials, \d+ finished")


def run_job(submission: JobSubmission, address: Address, console: Console) -> int:
    """Submit a sweep, or join the job that runs it already, and watch; returns the exit code."""
    jobs = RayJobs(address)
    running = [job for job in jobs.all() if job.sweep_id == submission.sweep_id and not job.over]
    if running:
        say(console, f"{submission.sweep_id}: runs already as Ray job {running[0].id}; joined")
        return watch(jobs, running[0].id, address, console)
    job = jobs.submit(submission)
    trials, size = format_count(submission.trials, "trial"), f"{count_code_bytes() / 1e6:.1f} MB of code"
    say(console, f"{submission.sweep_id}: {trials}, submitted to {address.text} as Ray job {job} with {size}")
    return watch(jobs, job, address, console)


def watch(jobs: RayJobs, job: str, address: Address, console: Console) -> int:
    """Show a job until it ends or Ctrl-C leaves it; its exit code, or 130."""
    name = jobs.info(job).sweep_id
    try:
        jobs.follow(job, _Lines(console))
        while not (ended := jobs.info(job)).over:
            time.sleep(0.2)
    except KeyboardInterrupt:
        say(console, "\n".join((f"left; the sweep goes on as Ray job {job}", *_list_commands(name, address))))
        return INTERRUPTED
    if ended.status == "STOPPED":
        say(console, "stopped: nothing finished is lost, the same launch continues")
        return INTERRUPTED
    if ended.exit_code is None and ended.status == "FAILED":
        say(console, f"the Ray job failed: {ended.message}")
    return ended.exit_code if ended.exit_code is not None else int(ended.status != "SUCCEEDED")


def find_last_line(log: str) -> str:
    """The last line that says how far a sweep is."""
    told = [line for line in log.splitlines() if PROGRESS.search(line)]
    return told[-1] if told else "-"


def _list_commands(name: str, address: Address) -> Sequence[str]:
    rest = f"{name} --address {address.text}"
    return [f"  advsweep {words} {rest}" for words in ("status", "logs --follow", "stop")]


class _Lines:
    """Prints whole lines of what comes in pieces, without those that Ray adds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rest = ""

    def __call__(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if not OF_RAY.search(line):
                say(self._console, line)
