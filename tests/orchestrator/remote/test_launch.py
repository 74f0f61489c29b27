"""What travels to a cluster with a launch, and what must not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.cluster.address import Address, parse_address
from orchestrator.launch import launch
from orchestrator.options import LaunchOptions
from orchestrator.plan.plan import make_plan
from orchestrator.remote import attached_driver, follow_job
from orchestrator.remote import launch as there
from orchestrator.remote.launch import run_there
from orchestrator.remote.submission import JobSubmission
from orchestrator.space import space as spaces
from tasks.errors import UsageError

Submitted = list[tuple[str, JobSubmission, list[str]]]


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> Submitted:
    """Where a launch went, what it sent, and the files of its working directory at that time."""
    found: Submitted = []

    def run(kind: str, code: int) -> Callable[[JobSubmission, Address, Console], int]:
        def record(submission: JobSubmission, address: Address, console: Console) -> int:  # noqa: ARG001
            folder = Path(submission.environment["working_dir"])
            found.append((kind, submission, sorted(file.name for file in folder.iterdir())))
            return code

        return record

    monkeypatch.setattr(follow_job, "run_job", run("job", 7))
    monkeypatch.setattr(attached_driver, "run_attached", run("attached", 8))
    return found


def test_a_file_goes_along_and_the_command_names_it_there(submitted: Submitted, space_file: Path) -> None:
    options = LaunchOptions(
        str(space_file), ["seed=3"], storage="s3://bucket/a", address="http://head:8265", max_concurrent=2
    )
    assert launch(options, Console(quiet=True)) == 7
    ((kind, sent, files),) = submitted
    assert (kind, files, sent.trials, sent.storage) == ("job", ["small.yaml"], 8, "s3://bucket/a")
    assert sent.arguments == (
        "launch", "--space=small.yaml", "--set=seed=3", "--storage=s3://bucket/a", "--address=auto",
        "--max-concurrent=2",
    )  # fmt: skip
    assert sent.sweep_id.startswith("small-")
    assert not Path(sent.environment["working_dir"]).exists(), "it is removed once it was sent"


def test_a_shipped_space_goes_by_its_name(submitted: Submitted) -> None:
    options = LaunchOptions("smoke", storage="/shared/results", data_dir=Path("/data"), address="ray://head:10001")
    assert launch(options, Console(quiet=True)) == 8
    ((kind, sent, files),) = submitted
    assert (kind, files, sent.trials) == ("attached", [], len(spaces.load("smoke").trials))
    assert {"--space=smoke", "--data-dir=/data"} <= set(sent.arguments)


def test_a_dry_run_stays_here(submitted: Submitted, tmp_path: Path) -> None:
    options = LaunchOptions("smoke", storage=str(tmp_path), address="http://head:8265", dry_run=True)
    assert launch(options, Console(quiet=True)) == 0
    assert not submitted


@pytest.mark.parametrize(
    ("storage", "data_dir", "message"),
    [
        ("results", None, "a folder of this machine"),
        ("s3://me:hunter2@bucket/sweeps", None, "let the nodes have the keys"),
        ("s3://bucket/sweeps?secret_key=hunter2", None, "let the nodes have the keys"),
        ("s3://bucket/sweeps?access_key=hunter2", None, "let the nodes have the keys"),
        ("s3://bucket/sweeps", Path("data"), "--data-dir data: give a full path"),
    ],
)
def test_what_must_not_travel_is_refused(
    submitted: Submitted, storage: str, data_dir: Path | None, message: str
) -> None:
    options = LaunchOptions("smoke", storage=storage, data_dir=data_dir, address="http://127.0.0.1:1")
    with pytest.raises(UsageError, match=message) as refused:
        launch(options, Console(quiet=True))
    assert "hunter2" not in str(refused.value)
    assert not submitted


def test_another_command_goes_as_it_is_with_where_it_runs_and_the_plugins(
    submitted: Submitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(folder: Path, root: Path) -> list[str]:
        (folder / "lab.py").parent.mkdir()
        (folder / "lab.py").touch()
        return [(folder / "lab.py").relative_to(root).as_posix()]

    monkeypatch.setattr(there, "write_plugins", write)
    space, options = spaces.load("smoke"), LaunchOptions("smoke", storage="s3://bucket/a", plugins=("mine.py",))
    address = parse_address("http://head:8265")
    assert run_there(("verify", "sweep-1"), options, address, space, Console(quiet=True)) == 7
    ((kind, sent, files),) = submitted
    assert (kind, files) == ("job", ["plugins"])
    assert sent.arguments == ("verify", "sweep-1", "--address=auto", "--plugin=plugins/lab.py")
    assert sent.environment.keys() == {"py_modules", "excludes", "working_dir"}
    launch(LaunchOptions("smoke", storage="s3://bucket/a", address=address.text, plugins=()), Console(quiet=True))
    assert submitted[1][1].arguments[0] == "launch"
    assert submitted[1][1].sweep_id == sent.sweep_id == make_plan(space).sweep_id
    assert not [word for word in submitted[1][1].arguments if "mine.py" in word]


@pytest.mark.parametrize("storage", ["s3://bucket/a?region=x&endpoint=y", "s3://bucket/keys", "/shared/secret"])
def test_a_storage_that_shows_no_secret_travels(submitted: Submitted, storage: str) -> None:
    options = LaunchOptions("smoke", storage=storage, address="http://head:8265")
    assert launch(options, Console(quiet=True)) == 7
    assert submitted[0][1].storage == storage
