"""`schema`: what a space may hold, for editors."""

import typer


def schema() -> None:
    """Print the JSON Schema of search spaces; editors complete and check a file whose first line names it.

    \b
    Examples:
      advsweep schema > space.schema.json
      # yaml-language-server: $schema=space.schema.json   (the first line of a space)
    """
    import json

    from orchestrator.space.json_schema import build_schema

    typer.echo(json.dumps(build_schema(), indent=1))
