"""`spaces`: the search spaces that come with advsweep."""

import json

import typer

from orchestrator.cli.options import JsonOption


def spaces(as_json: JsonOption = False) -> None:
    """List the search spaces that come with advsweep."""
    from orchestrator.space.space import extract_first_sentence, list_shipped, load
    from orchestrator.text import format_table

    found = [load(name) for name in list_shipped()]
    if as_json:
        rows = [{"name": s.name, "trials": len(s.trials), "description": s.description} for s in found]
        typer.echo(json.dumps(rows, indent=1))
        return
    table = [[space.name, str(len(space.trials)), extract_first_sentence(space.description)] for space in found]
    typer.echo(format_table(["space", "trials", "description"], table))
