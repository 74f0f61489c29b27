"""The options of a launch: one declaration for the command line, for Python, and for the words that a head is told."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from orchestrator import launch as story
from orchestrator.cli.app import app
from orchestrator.options import LaunchOptions, format_arguments

EVERYTHING = LaunchOptions(
    "mine.yaml",
    overrides=["prune.ratio=0.3", "seed=1"],
    storage="s3://bucket/sweeps",
    data_dir=Path("/data"),
    address="auto",
    cpus_per_trial=2,
    gpus_per_trial=0.25,
    device="cuda",
    max_concurrent=3,
    max_failures=4,
    max_preemptions=5,
    timeouts=["train=60"],
    wandb="online",
    wandb_runs=50,
    project="mine",
    dry_run=True,
    fresh=True,
    verify=True,
    plugins=["lab.py"],
)
"""No option of the command line has its default."""


def test_every_option_of_a_launch_reaches_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {option.name: option.default for option in fields(LaunchOptions) if option.name not in ("cpus", "gpus")}
    assert all(getattr(EVERYTHING, name) != default for name, default in defaults.items())
    read: list[LaunchOptions] = []
    monkeypatch.setattr(story, "launch", lambda options, _: read.append(options))
    with pytest.raises(SystemExit):
        app(["launch", *format_arguments(EVERYTHING)])
    assert read == [EVERYTHING]


def test_what_has_its_default_is_left_out() -> None:
    assert format_arguments(LaunchOptions("smoke")) == ("--space=smoke",)
