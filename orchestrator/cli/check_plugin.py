"""`check-plugin`: whether the parts of a plugin do what their kinds promise."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.options import Printing
from orchestrator.options import DataDirOption, SetOption

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.contracts.contract import Finding
    from tasks.plugins.load import Plugin


def check_plugin(
    plugin: Annotated[str, typer.Argument(metavar="FILE.py|MODULE", help="A module of your own.")],
    *,
    overrides: SetOption = (),
    data_dir: DataDirOption = None,
    printing: Printing,
) -> None:
    """Try what each part of a plugin promises, and say what is wrong; exit code 1 where something is.

    --set NAME.SETTING=VALUE gives the part NAME a setting that has no default.

    \b
    Examples:
      advsweep check-plugin mylab.py
      advsweep check-plugin mylab.attacks --set darken.eps=0.1 --json
    """
    from tasks.contracts.check_part import check_part
    from tasks.errors import UsageError
    from tasks.plugins.load import PLUGINS

    loaded = PLUGINS.load(plugin)
    if loaded is None:
        raise UsageError(f"plugin {plugin}: {PLUGINS.failures[plugin]}")
    if not loaded.parts:
        raise UsageError(f"plugin {plugin}: registers no part: decorate one, as with @advsweep.model(NAME)")
    given = _read_settings(loaded, overrides)
    found = [
        finding for kind, name, _ in loaded.parts for finding in check_part(kind, name, given.get(name, {}), data_dir)
    ]
    printing.show([asdict(finding) for finding in found], lambda: _format_findings(found))
    raise typer.Exit(int(any(finding.problem for finding in found)))


def _read_settings(plugin: Plugin, overrides: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Settings by the name of a part.

    :raises UsageError: one is not of the form NAME.SETTING=VALUE, or the plugin has no such part.
    """
    from orchestrator.space.overrides import apply_overrides
    from tasks.errors import UsageError, list_choices

    names = [name for _, name, _ in plugin.parts]
    content: dict[str, Any] = {}
    apply_overrides(content, overrides)
    for text in overrides:
        name = text.partition("=")[0].strip().partition(".")[0]
        if name not in names:
            raise UsageError(f"--set {text}: the plugin has no part {name!r}; {list_choices(names, name)}")
        if not isinstance(content[name], dict):
            raise UsageError(f"--set {text}: write it as NAME.SETTING=VALUE")
    return content


def _format_findings(found: Sequence[Finding]) -> str:
    from orchestrator.text import format_table

    rows = [[each.kind, each.name, each.check, "WRONG" if each.problem else "ok"] for each in found]
    problems = [f"  {each.kind} {each.name}, {each.check}: {each.problem}" for each in found if each.problem]
    parts = len({(each.kind, each.name) for each in found})
    end = f"{len(problems)} of {len(found)} promises are broken" if problems else f"{len(found)} promises are kept"
    counted = f"{parts} part{'s' if parts > 1 else ''}: {end}"
    return "\n".join([format_table(["kind", "name", "promise", "found"], rows), counted, *problems])
