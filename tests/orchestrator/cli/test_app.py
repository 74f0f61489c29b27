"""The command line as a whole: help, versions, exit codes, completion, and how little is imported."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import doctor
from orchestrator.cli import app as app_module
from orchestrator.cli.app import app, main
from tasks import __version__
from tasks.errors import StorageGoneError, UsageError
from tests.support.children import run_in_child
from tests.support.command_line import run_here
from tests.support.harness import COMMAND, LIMIT, list_imported_modules
from tests.support.report_data import WITHOUT_TUNING, made_up

COMMANDS = [
    "launch", "evaluate", "verify", "spaces", "plan", "status", "logs", "stop", "results", "report", "compare",
    "explain", "export", "plugins", "check-plugin", "show", "schema", "init", "doctor", "clean", "data prepare",
    "wandb sync", "wandb report",
]  # fmt: skip


@pytest.mark.slow
def test_the_science_imports_neither_ray_nor_wandb_nor_the_orchestrator() -> None:
    modules = list_imported_modules("import tasks.__main__, tasks.stages.run, tasks.attacks.gradient.craft")
    assert {"torch", "tasks.stages.run"} <= modules
    assert not {name for name in modules if name.split(".")[0] in ("ray", "wandb", "orchestrator")}


@pytest.mark.slow
def test_help_and_plans_import_nothing_heavy() -> None:
    heavy = {"torch", "ray", "wandb", "sklearn", "torchvision", "duckdb", "pandas"}
    assert not heavy & list_imported_modules("import orchestrator.cli.app")
    planning = "from orchestrator.space.space import load; from orchestrator.plan.plan import make_plan"
    assert not heavy & list_imported_modules(f"{planning}; make_plan(load('digits'), None)")


@pytest.mark.slow
@pytest.mark.parametrize("words", [["status"], ["results", "made"]])
def test_what_reads_a_storage_imports_neither_torch_nor_ray(words: list[str], tmp_path: Path) -> None:
    made_up(tmp_path, WITHOUT_TUNING, images=False)
    command = [*words, "--storage", str(tmp_path)]
    modules = list_imported_modules(f"from orchestrator.cli.app import run; assert run({command}) == 0")
    assert "orchestrator.store.sweep_store" in modules
    assert not {"torch", "ray", "wandb", "torchvision", "sklearn"} & modules


def test_help_names_every_command() -> None:
    shown = run_here("--help").stdout
    names = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
    listed = [name.replace("_", "-") for name in names]
    groups = [group.name for group in app.registered_groups]
    assert [*listed, *groups] == list(dict.fromkeys(name.split()[0] for name in COMMANDS))
    for name in listed + groups:
        assert f"\n  {name} " in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_examples_of_it(command: str) -> None:
    shown = run_here(*command.split(), "--help")
    assert shown.code == 0
    assert "Example" in shown.stdout
    assert f"advsweep {command}" in shown.stdout.split("Example")[1].split("Options:")[0]
    assert "\b" not in shown.stdout


def test_the_version() -> None:
    assert run_here("--version").stdout == f"advsweep {__version__}\n"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("no such thing"), 2, "error: no such thing"),
        (StorageGoneError("it is gone"), 2, "error: it is gone"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
        (ZeroDivisionError("a defect"), 1, "ZeroDivisionError: a defect"),
    ],
)
def test_how_a_command_ends(error: BaseException, code: int, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(doctor, "examine_machine", fail)
    ended = run_here("doctor")
    assert ended.code == code
    assert message in ended.stderr
    assert ("Traceback" in ended.stderr) == (code == 1)


def see_how_often_garbage_is_looked_for() -> bool:
    with pytest.MonkeyPatch.context() as patched, contextlib.suppress(ZeroDivisionError):
        patched.setattr(app_module, "run", lambda: 1 / 0)
        gc.set_threshold(700, 10, 10)
        main()
    return gc.isenabled() and gc.get_threshold()[0] > 10_000


def test_a_command_looks_for_garbage_seldom_while_it_imports() -> None:
    assert run_in_child(see_how_often_garbage_is_looked_for)


def complete(line: str) -> list[str]:
    """What bash is offered at the end of a line."""
    words = line.split(" ")
    variables = {"_ADVSWEEP_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    ended = subprocess.run(
        COMMAND, env=os.environ | variables, capture_output=True, text=True, check=False, timeout=LIMIT
    )
    return ended.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        pytest.param("advsweep la", ["launch"], marks=pytest.mark.slow),
        pytest.param(
            "advsweep launch --max", ["--max-concurrent", "--max-failures", "--max-preemptions"], marks=pytest.mark.slow
        ),
        ("advsweep launch --wandb o", ["offline", "online"]),
        pytest.param("advsweep wandb ", ["sync", "report"], marks=pytest.mark.slow),
    ],
)
def test_a_shell_completes_commands_options_and_choices(line: str, offered: list[str]) -> None:
    assert complete(line) == offered


@pytest.mark.slow
def test_a_shell_is_told_how_to_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")  # else the shell is that of this process
    shown = subprocess.run(
        [*COMMAND, "--show-completion", "bash"], capture_output=True, text=True, check=True, timeout=LIMIT
    ).stdout
    assert "_ADVSWEEP_COMPLETE=complete_bash" in shown
    assert shown.rstrip().endswith("advsweep")


CLOSED = """
import os, sys
from orchestrator.cli.app import fill_closed_streams
fill_closed_streams()
assert None not in (sys.stdin, sys.stdout, sys.stderr)
print("x", flush=True)
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
os.system("echo printed; echo printed >&2")
assert file > 2, file
assert os.fstat(file).st_size == 0
"""


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_outputs_lead_nowhere(closed: str, tmp_path: Path) -> None:
    shell = f'exec "$0" -c "$1" "$2" {closed}'
    subprocess.run(["bash", "-c", shell, sys.executable, CLOSED, tmp_path / "file"], check=True, timeout=LIMIT)
    assert subprocess.run(["bash", "-c", f'"$@" {closed}', "bash", *COMMAND, "spaces"], check=False).returncode == 0


class FullStream(io.StringIO):
    """An output whose disk has no room."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


class EndedError(Exception):
    """In the place of the end of the process."""


@pytest.mark.parametrize(
    ("code", "is_full", "ends_with"), [(0, False, 0), (130, False, 130), (0, True, 2), (1, True, 1)]
)
def test_a_process_ends_with_the_code_of_its_command_once_its_folders_are_gone(
    code: int, is_full: bool, ends_with: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An output that cannot be written makes an error of what went well."""
    done: list[str] = []

    def run() -> int:
        done.append("run")
        sys.stdout.write("\N{SNOWMAN}\n")
        return code

    def end(found: int) -> None:
        raise EndedError(found)

    content = io.BytesIO()
    out = FullStream() if is_full else io.TextIOWrapper(content, "ascii")
    with monkeypatch.context() as patch:
        patch.setattr(app_module, "fill_closed_streams", lambda: done.append("streams filled"))
        patch.setattr(app_module, "run", run)
        patch.setattr(app_module, "remove_own_folders", lambda: done.append("folders removed"))
        patch.setattr(os, os._exit.__name__, end)
        patch.setattr(sys, "stdout", out)
        with pytest.raises(EndedError) as ended:
            main()
    assert ended.value.args == (ends_with,)
    assert done == ["streams filled", "run", "folders removed"]
    assert is_full or content.getvalue() == b"\\u2603\n", "a character that a stream cannot show stands as its number"


@pytest.mark.slow
def test_an_output_that_is_full_is_an_error() -> None:
    ended = subprocess.run(
        ["bash", "-c", '"$@" > /dev/full', "bash", *COMMAND, "schema"], stderr=subprocess.PIPE, check=False
    )
    assert (ended.returncode, ended.stderr.decode()) == (2, "error: No space left on device\n")
