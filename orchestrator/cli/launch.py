"""`launch`: run a sweep."""

import typer

from orchestrator.options import LaunchOptions


def launch(options: LaunchOptions) -> None:
    """Run a sweep; the same command again runs only what is missing or failed.

    \b
    Examples:
      advsweep launch --space digits
      advsweep launch --space mine.yaml --set seed=0 --storage s3://bucket/sweeps
    """
    from rich.console import Console

    from orchestrator.launch import launch as run

    raise typer.Exit(run(options, Console()))
