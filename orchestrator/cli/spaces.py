"""`spaces`: the search spaces that come with advsweep."""

from orchestrator.cli.options import Printing


def spaces(printing: Printing) -> None:
    """List the search spaces that come with advsweep.

    \b
    Examples:
      advsweep spaces
      advsweep spaces --json
    """
    from orchestrator.space.space import extract_first_sentence, list_shipped, load
    from orchestrator.text import format_table

    found = [load(name) for name in list_shipped()]
    table = [[space.name, str(len(space.trials)), extract_first_sentence(space.description)] for space in found]
    printing.show(
        [{"name": space.name, "trials": len(space.trials), "description": space.description} for space in found],
        lambda: format_table(["space", "trials", "description"], table),
    )
