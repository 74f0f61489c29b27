"""Which sweep or trial is meant; an empty name, as an unset variable of a shell is, means none."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cluster.address import parse_address
from orchestrator.plan.plan import make_plan, plan_text
from orchestrator.remote.ray_jobs import RayJobs, SweepJob
from orchestrator.space.space import build
from orchestrator.store.identifiers import resolve_id, shorten_ids
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UsageError
from tasks.storage.storage import open_storage
from tests.conftest import CONFIG
from tests.support.command_line import run_here

BLANK = ["", " ", "\t", "\n"]
COMMANDS = {
    "status": ["status", "{}"],
    "status --watch": ["status", "{}", "--watch"],
    "logs": ["logs", "{}"],
    "results": ["results", "{}"],
    "results --sql": ["results", "{}", "--sql", "select 1"],
    "report": ["report", "{}"],
    "report of two": ["report", "only", "{}"],
    "compare first": ["compare", "{}", "0"],
    "compare second": ["compare", "0", "{}"],
    "explain": ["explain", "{}"],
    "export": ["export", "{}", "--out", "model"],
    "clean --forget": ["clean", "--yes", "--forget", "{}"],
    "wandb sync": ["wandb", "sync", "{}"],
    "wandb report": ["wandb", "report", "{}"],
}
"""Every command that takes the id of a sweep or trial of a storage."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A storage with one sweep of one trial and a stage of it, beside which the commands run."""
    monkeypatch.chdir(tmp_path)
    storage = open_storage(tmp_path / "storage")
    plan = make_plan(build("only", "only", CONFIG), None)
    storage.write(SweepStore(storage, plan.sweep_id).path("plan.json"), plan_text(plan))
    storage.write(f"stages/{plan.trials[0].chain[0].key}/stage.json", b"{}")
    return tmp_path / "storage"


def list_files(folder: Path) -> list[str]:
    return sorted(str(file) for file in folder.parent.rglob("*"))


@pytest.mark.parametrize("blank", BLANK, ids=repr)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_blank_id_is_refused_and_nothing_is_written_or_removed(folder: Path, command: str, blank: str) -> None:
    before = list_files(folder)
    ended = run_here(*(word.format(blank) for word in COMMANDS[command]), "--storage", folder)
    assert ended.code == 2, ended
    assert "is empty: is a variable of the shell unset?" in ended.stderr or "there is no" in ended.stderr
    if command not in ("compare second", "report of two"):
        assert ended.stderr.startswith("error: the id of a ")
    assert list_files(folder) == before


def test_what_is_forgotten_is_named_whole(folder: Path) -> None:
    (sweep,) = (path.name for path in (folder / "sweeps").iterdir())
    before = list_files(folder)
    for beginning in (sweep[0], sweep[:-1], "only"):
        ended = run_here("clean", "--yes", "--forget", beginning, "--storage", folder)
        assert (ended.code, list_files(folder)) == (2, before)
        assert f"a whole id is wanted here; choose from {sweep}" in ended.stderr
    assert run_here("clean", "--yes", "--forget", sweep, "--storage", folder).code == 0
    assert not (folder / "sweeps" / sweep).exists()


def test_a_beginning_that_fits_one_id_means_it() -> None:
    known = ["digits-1a", "digits-2b", "mnist-3c", "mnist"]
    assert resolve_id("mnist", known, "sweep", "in x") == "mnist"
    assert resolve_id("digits-2", known, "sweep", "in x") == "digits-2b"
    with pytest.raises(UsageError, match=r"2 sweeps in x begin with 'digits': digits-1a, digits-2b"):
        resolve_id("digits", known, "sweep", "in x")
    with pytest.raises(UsageError, match=r"there is no sweep 'mnits' in x; .* did you mean 'mnist'"):
        resolve_id("mnits", known, "sweep", "in x")
    with pytest.raises(UsageError, match=r"there is no trial .a. in x; run one"):
        resolve_id("a", [], "trial", "in x", none="; run one")


class ListedJobs(RayJobs):
    """The jobs of a cluster that nobody has to reach."""

    def __init__(self) -> None:
        self._address = parse_address("http://head:8265")

    def all(self) -> list[SweepJob]:
        return [SweepJob("id", "digits-1a", "", "RUNNING", 0.0, None, None, "")]


@pytest.mark.parametrize("blank", BLANK, ids=repr)
def test_the_job_of_a_blank_sweep_is_none(blank: str) -> None:
    """`stop`, `logs --address` and `status --address` ask for a job by this."""
    jobs = ListedJobs()
    assert jobs.find("digits").id == "id"
    with pytest.raises(UsageError, match="the id of a sweep is empty"):
        jobs.find(blank)


@pytest.mark.parametrize("command", [["launch", "--space", "smoke"], ["status"], ["clean", "--yes"], ["doctor"]])
@pytest.mark.parametrize("blank", BLANK, ids=repr)
def test_a_blank_storage_is_not_the_working_directory(folder: Path, command: list[str], blank: str) -> None:
    before = list_files(folder)
    ended = run_here(*command, "--storage", blank)
    assert ended.code == 2 or command == ["doctor"], ended
    assert "--storage: is empty" in ended.stderr + ended.stdout
    assert list_files(folder) == before


@pytest.mark.parametrize("option", ["--out", "--data-dir"])
def test_a_blank_folder_is_not_the_working_directory(folder: Path, option: str) -> None:
    before = list_files(folder)
    ended = run_here("report", "only", option, "", "--storage", folder)
    assert ended.code == 2
    assert "is empty" in ended.stderr
    assert list_files(folder) == before


def test_ids_are_shortened_as_far_as_they_stay_apart() -> None:
    ids = ["0123456789abcdef", "0123456799abcdef", "0123456799abcdff", "fedcba9876543210"]
    short = shorten_ids(ids)
    assert short == {ids[0]: "012345678", ids[1]: "0123456799abcde", ids[2]: "0123456799abcdf", ids[3]: "fedcba9"}
    assert [resolve_id(name, ids, "trial", "in x") for name in short.values()] == ids
    assert shorten_ids([]) == {}


def test_choices_are_listed_where_they_are_few_and_in_their_order() -> None:
    ids = [f"{letter}1" for letter in "edcba"]
    with pytest.raises(UsageError, match=r"there is no trial 'x' in s; choose from a1, b1, c1, d1, e1$"):
        resolve_id("x", ids, "trial", "in s")
    with pytest.raises(UsageError, match=r"there is no trial 'x' in s; it has 6 others$"):
        resolve_id("x", [*ids, "f1"], "trial", "in s")
    alike = [f"a{number}" for number in (6, 5, 4, 3, 2, 1)]
    with pytest.raises(UsageError, match=r"6 trials in s begin with 'a': a1, a2, a3, a4, a5, \.\.\.$"):
        resolve_id("a", alike, "trial", "in s")
    with pytest.raises(UsageError, match=r"5 trials in s begin with 'a': a1, a2, a3, a4, a5$"):
        resolve_id("a", alike[1:], "trial", "in s")
    with pytest.raises(UsageError, match=r"no sweep 'b' in s; a whole id is wanted here; choose from a-1, b-1$"):
        resolve_id("b", ["b-1", "a-1"], "sweep", "in s", whole=True)
    with pytest.raises(UsageError, match=r"there is no sweep 'b' in s: launch one$"):
        resolve_id("b", [], "sweep", "in s", none=": launch one")
