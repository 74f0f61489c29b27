"""What is wrong with a command line: one line in one form, whoever finds it."""

from __future__ import annotations

import pytest

from tests.support.command_line import run_here


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("launch --max-concurrent 0", "--max-concurrent 0: should be a whole number, 1 or more"),
        ("launch --space smoke --max-failures=-1", "--max-failures -1: should be a whole number, 0 or more"),
        ("plan --slots many", "--slots many: should be a whole number, 1 or more"),
        ("launch --cpus-per-trial few --space smoke", "--cpus-per-trial few: should be a number"),
        ("wandb sync x --limit 0.5", "--limit 0.5: should be a number, 1 or more"),
        ("launch --device cudas", "--device cudas: choose from auto, cpu, cuda; did you mean 'cuda'?"),
        ("results x --format=yaml", "--format yaml: choose from csv, json, table"),
        ("launch", "--space: is missing; see advsweep launch --help"),
        ("results", "sweep: is missing; see advsweep results --help"),
        ("compare x", "OTHER: is missing; see advsweep compare --help"),
        ("wandb sync --storag x", "--storag: no such option; choose from --help, --limit, --storage; "
         "did you mean '--storage'?"),
        ("launch --space", "--space: requires an argument"),
        ("spaces --json=yes", "--json: does not take a value"),
        ("data perpare digits", "perpare: no such command; choose from prepare; did you mean 'prepare'?"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_with_the_field_its_value_and_the_choices(words: str, message: str) -> None:
    ended = run_here(*words.split())
    assert (ended.code, ended.stdout, ended.stderr) == (2, "", f"error: {message}\n")


def test_an_unknown_command_is_told_the_known_ones() -> None:
    message = run_here("lanch", "--space", "smoke").stderr
    assert message.startswith("error: lanch: no such command; choose from check-plugin, clean, compare, ")
    assert message.endswith("; did you mean 'launch'?\n")


def test_words_too_many_name_the_command() -> None:
    ended = run_here("status", "one", "two")
    assert (ended.code, ended.stderr.splitlines()[1:]) == (2, [])
    assert ended.stderr.startswith("error: status: got unexpected extra argument")
    assert "(two)" in ended.stderr
    assert ended.stderr.endswith("; see advsweep status --help\n")


def test_a_value_of_the_environment_is_not_taken_for_one_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVSWEEP_DATA_DIR", " ")
    assert run_here("plan", "--space", "smoke").stderr.startswith("error: --data-dir: is empty; ")


@pytest.mark.parametrize("words", [[], ["data"], ["wandb"]])
def test_a_group_of_commands_without_one_shows_its_help(words: list[str]) -> None:
    ended = run_here(*words)
    assert ended.code == 2
    assert ended.stderr.startswith("Usage: advsweep")
    assert "Commands:" in ended.stderr
