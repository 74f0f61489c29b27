"""`plugins`: the parts that a space can name, and where each comes from."""

from orchestrator.cli.options import Printing


def plugins(printing: Printing) -> None:
    """List all models, data sets, attacks and other parts by kind, source and version.

    \b
    Examples:
      advsweep plugins
      advsweep plugins --plugin mylab.py --json
    """
    from orchestrator.parts import list_parts
    from orchestrator.text import format_table

    found = list_parts()
    printing.show(found, lambda: format_table(list(found[0]), [list(part.values()) for part in found]))
