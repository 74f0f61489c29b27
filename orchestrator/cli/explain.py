"""`explain`: why each stage of a trial was reused, or has to run."""

import json
from dataclasses import asdict

import typer

from orchestrator.cli.options import JsonOption, TrialArgument
from orchestrator.options import DEFAULT_STORAGE, StorageOption


def explain(trial: TrialArgument, storage: StorageOption = DEFAULT_STORAGE, as_json: JsonOption = False) -> None:
    """Say for each stage of a trial whether it was reused and from where, or why it has to run."""
    from orchestrator.results.explain import explain_trial
    from orchestrator.text import format_table
    from tasks.storage.storage import open_storage

    found = explain_trial(open_storage(storage), trial)
    if as_json:
        typer.echo(json.dumps([asdict(line) for line in found], indent=1))
        return
    typer.echo(format_table(["stage", "key", "why"], [[line.kind, line.key[:12], line.reason] for line in found]))
