"""What Typer finds wrong with a command line, in the form of every other error of a user."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from typer.models import ParameterInfo

from orchestrator.cli.errors import report_error
from tasks.errors import UsageError, list_choices

WRONG_USAGE: type[Exception] = typer.BadParameter.__bases__[0]
"""Of every such error; some versions of Typer take it from Click, others have one of their own."""
NUMBERS = {int: "a whole number", float: "a number"}


def report_wrong_usage(error: Any, words: Sequence[str]) -> int:
    """Print what is wrong, and return the exit code; of a group of commands without one the help is meant."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return int(error.exit_code)
    return report_error(UsageError(describe_wrong_usage(error, words)))


def describe_wrong_usage(error: Any, words: Sequence[str]) -> str:
    """One line, such as `--max-concurrent 0: should be a whole number, 1 or more`.

    :param error: one of `WRONG_USAGE`.
    :param words: of the command line, without the name of the program.
    """
    kind, message = type(error).__name__, str(error.message)
    if kind == "BadOptionUsage":
        return f"{error.option_name}: {_begin_small(message.removeprefix(f'Option {error.option_name!r} '))}"
    command, place = error.ctx.command, len(error.ctx.command_path.split()) - 1
    if kind == "NoSuchOption":
        return f"{error.option_name}: no such option; {list_choices(_list_options(error.ctx), error.option_name)}"
    if kind == "MissingParameter":
        return f"{_name_parameter(error.param)}: is missing; see {error.ctx.command_path} --help"
    if getattr(error, "param", None):
        name = _name_parameter(error.param)
        value = _find_value(name, words[place:])
        annotation = inspect.signature(command.callback, eval_str=True).parameters[error.param.name].annotation
        return f"{f'{name} {value}'.strip()}: {_describe_allowed(annotation, value) or message}"
    if commands := getattr(command, "commands", None):
        return f"{words[place]}: no such command; {list_choices(commands, words[place])}"
    return f"{' '.join(words[:place])}: {_begin_small(message)}; see {error.ctx.command_path} --help"


def _name_parameter(parameter: Any) -> str:
    return str(parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar or parameter.name)


def _list_options(context: Any) -> list[str]:
    parameters = context.command.get_params(context)
    return [option for parameter in parameters if parameter.param_type_name == "option" for option in parameter.opts]


def _find_value(flag: str, words: Sequence[str]) -> str:
    """What stands behind a flag; nothing where it comes from the environment."""
    for place, word in enumerate(words):
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
        if word == flag:
            return words[place + 1]
    return ""


def _describe_allowed(annotation: Any, value: str) -> str:
    """What a parameter that was declared so takes; empty where its declaration does not say it."""
    kind, *declarations = get_args(annotation) if get_origin(annotation) is Annotated else [annotation]
    if get_origin(kind) in (Union, UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is Literal:
        return list_choices(get_args(kind), value)
    if kind not in NUMBERS:
        return ""
    least = next((each.min for each in declarations if isinstance(each, ParameterInfo)), None)
    return f"should be {NUMBERS[kind]}{'' if least is None else f', {least} or more'}"


def _begin_small(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")
