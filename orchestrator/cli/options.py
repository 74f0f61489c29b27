"""Options that several commands share, and how a command is given to Typer."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from orchestrator.options import list_parameters

Format = Literal["table", "csv", "json"]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AddressOption = Annotated[
    str | None,
    typer.Option(envvar="ADVSWEEP_ADDRESS", help="A cluster whose jobs are meant: http://HEAD:8265."),
]
SweepArgument = Annotated[str, typer.Argument(help="The id of a sweep, or the beginning of one.")]
TrialArgument = Annotated[str, typer.Argument(help="The id of a trial, or the beginning of one.")]


def adapt_command(command: Callable[..., None]) -> Callable[..., None]:
    """A command in the form that Typer takes.

    A parameter that is a dataclass of options becomes an option for each of its fields, and a sequence a list.
    """
    signature = inspect.signature(command, eval_str=True)
    groups = {
        name: list_parameters(parameter.annotation)
        for name, parameter in signature.parameters.items()
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)
    }

    @functools.wraps(command)
    def adapted(**given: Any) -> None:
        for name, fields in groups.items():
            values = {field.name: given.pop(field.name) for field in fields}
            given[name] = signature.parameters[name].annotation(**values)
        command(**given)

    parameters = [
        single.replace(annotation=_with_list(single.annotation), kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        for single in groups.get(name, [parameter])
    ]
    adapted.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    adapted.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return adapted


def _with_list(annotation: Any) -> Any:
    """`Annotated[Sequence[T], option]` as `Annotated[list[T], option]`, the form of it that Typer knows."""
    if get_origin(annotation) is not Annotated or get_origin(get_args(annotation)[0]) is not Sequence:
        return annotation
    kind, declaration = get_args(annotation)
    return Annotated[list[get_args(kind)[0]], declaration]  # type: ignore[misc]
