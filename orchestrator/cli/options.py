"""Options that several commands share, and how a command is given to Typer."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, Literal, TextIO, get_args, get_origin

import typer

from orchestrator.cli.completion import COMPLETIONS
from orchestrator.options import PluginOption, list_parameters
from tasks.errors import UsageError
from tasks.plugins.load import load_plugins
from tasks.printable import make_printable

Format = Literal["table", "csv", "json"]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AddressOption = Annotated[
    str | None,
    typer.Option(envvar="ADVSWEEP_ADDRESS", help="A cluster whose Ray jobs are meant: http://HEAD:8265."),
]
SweepArgument = Annotated[str, typer.Argument(help="The id of a sweep, or the beginning of one.")]
TrialArgument = Annotated[str, typer.Argument(help="The id of a trial, or the beginning of one.")]


@dataclass(frozen=True)
class Printing:
    """How a command prints what it was asked for."""

    form: Annotated[Format, typer.Option("--format", help="How to print.")] = "table"
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False

    @property
    def choice(self) -> Format:
        """The form that was asked for.

        :raises UsageError: two were.
        """
        if self.as_json and self.form == "csv":
            raise UsageError("--json and --format csv: choose one")
        return "json" if self.as_json else self.form

    def show(
        self, facts: Any, format_text: Callable[[], str], records: Sequence[Mapping[str, Any]] | None = None
    ) -> None:
        """Print the facts as JSON, as lines for people, or as CSV.

        :param records: the lines of the CSV, which have the same names; null: the facts are these lines.
        """
        if self.choice == "json":
            print_answer(json.dumps(facts, indent=1))
        elif self.choice == "csv":
            from orchestrator.text import render_table

            lines = facts if records is None else records
            columns = list(lines[0]) if lines else []
            print_answer(render_table(columns, [[line[name] for name in columns] for line in lines], "csv"))
        else:
            typer.echo(make_printable(format_text()))


_answer: ContextVar[TextIO | None] = ContextVar("answer", default=None)


def print_answer(text: str) -> None:
    """Print what a script reads: to where the output went before it was kept clean."""
    sink = _answer.get() or sys.stdout
    typer.echo(make_printable(text) if sink.isatty() else text, file=sink)


@contextlib.contextmanager
def _keep_output_clean(given: Mapping[str, Any]) -> Iterator[None]:
    """Where JSON or CSV is wanted, let whatever parts of a user's own print go to the error output."""
    forms = [value.choice for value in given.values() if isinstance(value, Printing)]
    if not (given.get("as_json") or any(form != "table" for form in forms)) or given.get("watch"):
        yield
        return
    token = _answer.set(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _answer.reset(token)


def adapt_command(command: Callable[..., None]) -> Callable[..., None]:
    """A command in the form that Typer takes.

    A parameter that is a dataclass of options becomes an option for each of its fields, and a sequence a list. Every
    command takes `--plugin`; where the command does not see to it by itself, plugins are imported before it runs.
    """
    signature = inspect.signature(command, eval_str=True)
    groups = {
        name: list_parameters(parameter.annotation)
        for name, parameter in signature.parameters.items()
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)
    }

    parameters = [
        single for name, parameter in signature.parameters.items() for single in groups.get(name, [parameter])
    ]
    loads_plugins = all(parameter.name != "plugins" for parameter in parameters)
    if loads_plugins:
        option = inspect.Parameter("plugins", inspect.Parameter.KEYWORD_ONLY, default=(), annotation=PluginOption)
        parameters.append(option)

    @functools.wraps(command)
    def adapted(**given: Any) -> None:
        if loads_plugins:
            with contextlib.redirect_stdout(sys.stderr):  # whatever a plugin prints is no part of the answer
                lines = load_plugins(given.pop("plugins"))
            for line in lines:
                typer.echo(make_printable(line), err=True)
        for name, fields in groups.items():
            values = {field.name: given.pop(field.name) for field in fields}
            given[name] = signature.parameters[name].annotation(**values)
        with _keep_output_clean(given):
            command(**given)

    parameters = [
        parameter.replace(annotation=_with_completion(parameter), kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in parameters
    ]
    adapted.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    adapted.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return adapted


def _with_completion(parameter: inspect.Parameter) -> Any:
    """The annotation in the form that Typer knows, with what completes its values."""
    annotation = _with_list(parameter.annotation)
    if parameter.name in COMPLETIONS and get_origin(annotation) is Annotated:
        for declaration in get_args(annotation)[1:]:
            declaration.autocompletion = COMPLETIONS[parameter.name]
    return annotation


def _with_list(annotation: Any) -> Any:
    """`Annotated[Sequence[T], option]` as `Annotated[list[T], option]`, the form of it that Typer knows."""
    if get_origin(annotation) is not Annotated or get_origin(get_args(annotation)[0]) is not Sequence:
        return annotation
    kind, declaration = get_args(annotation)
    return Annotated[list[get_args(kind)[0]], declaration]  # type: ignore[misc]
