"""How a command prints, and what Typer is told of its parameters."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from orchestrator.cli import options
from orchestrator.cli.options import Printing, adapt_command, print_answer
from orchestrator.options import PluginOption
from tasks.errors import UsageError

FACTS = [{"a": 1, "b": "x,y"}, {"a": 2, "b": "=1"}]


def show(printing: Printing, capsys: pytest.CaptureFixture[str], *records: Any) -> str:
    printing.show(FACTS, lambda: "for \x1b people", *records)
    return capsys.readouterr().out


def test_an_answer_is_for_people_or_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(Printing(), capsys) == "for \\x1b people\n"
    json = '[\n {\n  "a": 1,\n  "b": "x,y"\n },\n {\n  "a": 2,\n  "b": "=1"\n }\n]\n'
    assert show(Printing(as_json=True), capsys) == show(Printing("json"), capsys) == json
    assert show(Printing("json", as_json=True), capsys) == json
    assert show(Printing("csv"), capsys) == 'a,b\n1,"x,y"\n2,\'=1\n'
    assert show(Printing("csv"), capsys, [{"c": 3}]) == "c\n3\n"
    assert show(Printing("csv"), capsys, []) == "\n"
    with pytest.raises(UsageError, match=r"^--json and --format csv: choose one$"):
        Printing("csv", as_json=True).show(FACTS, str)


def test_a_script_gets_bytes_as_they_are_and_a_terminal_what_it_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for sink, shown in ((Terminal(), "a\\x1b\n"), (io.StringIO(), "a\x1b\n")):
        monkeypatch.setattr(sys, "stdout", sink)
        print_answer("a\x1b")
        assert sink.getvalue() == shown


Words = Annotated[Sequence[str], typer.Option("--word")]


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str, list[Any]]:
    """Exit code, outputs, and what a command that talks while it works was given."""
    given: list[Any] = []

    def talk(*, words: Words = ("usual",), watch: bool = False, printing: Printing) -> None:
        given.append((words, watch, printing))
        typer.echo("by the way")
        printing.show([{"a": 1}], lambda: "an answer")

    def load(plugins: Sequence[str]) -> list[str]:
        given.append(list(plugins))
        typer.echo("a plugin talks")
        return [f"loaded {name}\x1b" for name in plugins]

    monkeypatch.setattr(options, "load_plugins", load)
    app = typer.Typer()
    app.command()(adapt_command(talk))
    ended = CliRunner().invoke(app, words)
    return ended.exit_code, ended.stdout, ended.stderr, given


def test_only_the_answer_goes_where_a_script_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err, given = run(["--word", "a", "--word", "b", "--plugin", "mine.py"], monkeypatch)
    assert (code, out) == (0, "by the way\nan answer\n")
    assert err == "a plugin talks\nloaded mine.py\\x1b\n"
    assert given == [["mine.py"], (["a", "b"], False, Printing())]
    code, out, err, given = run(["--json"], monkeypatch)
    assert (code, out, err) == (0, '[\n {\n  "a": 1\n }\n]\n', "a plugin talks\nby the way\n")
    assert [tuple(given[1][0]), given[1][2]] == [("usual",), Printing(as_json=True)]
    code, out, err, _ = run(["--format", "csv"], monkeypatch)
    assert (code, out, err) == (0, "a\n1\n", "a plugin talks\nby the way\n")
    code, out, err, _ = run(["--json", "--watch"], monkeypatch)
    assert (out.splitlines()[0], err) == ("by the way", "a plugin talks\n"), "what watches prints as it goes"


def test_a_command_that_takes_plugins_itself_loads_them_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Any] = []
    monkeypatch.setattr(options, "load_plugins", loaded.append)
    app, given = typer.Typer(), list[Any]()

    def own(*, plugins: PluginOption = ()) -> None:
        given.append(plugins)

    app.command()(adapt_command(own))
    assert CliRunner().invoke(app, ["--plugin", "a.py"]).exit_code == 0
    assert (given, loaded) == ([["a.py"]], [])
