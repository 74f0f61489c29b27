"""`show`: what a part takes."""

from typing import Annotated

import typer

from orchestrator.cli.options import Printing


def show(
    printing: Printing,
    kind: Annotated[str | None, typer.Argument(help="attack, model, objective, ...; none: all settings.")] = None,
    name: Annotated[str | None, typer.Argument(help="The name of a part; none: those of the kind.")] = None,
) -> None:
    """Show the settings of a part with their defaults, the parts of a kind, or all settings as Markdown.

    \b
    Examples:
      advsweep show attack pgd
      advsweep show model
      advsweep show > settings.md
    """
    from orchestrator.parts import describe_part, format_part, list_parts
    from orchestrator.space.settings_reference import format_reference
    from orchestrator.text import format_table

    if kind is None:
        found = [describe_part(part["kind"], part["name"]) for part in list_parts()]
        printing.show(found, lambda: format_reference().rstrip("\n"), list_parts())
    elif name is None:
        found = list_parts(kind)
        printing.show(found, lambda: format_table(list(found[0]), [list(part.values()) for part in found]))
    else:
        facts = describe_part(kind, name)
        printing.show(facts, lambda: format_part(facts), facts["settings"])
