"""W&B: what is written offline, what a server gets, and that no fault of a server changes anything about a sweep."""

from __future__ import annotations

import io
import json
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import pytest
from PIL import Image
from rich.console import Console

from orchestrator.launch import launch
from orchestrator.options import LaunchOptions, WandbMode
from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking import log, reports, sender, server, writer
from orchestrator.tracking.commands import sync
from orchestrator.tracking.content import RunContent, flatten_config
from orchestrator.tracking.folder import WandbFolder, run_id
from orchestrator.tracking.sender import parse_output
from tasks.errors import UsageError
from tasks.storage.storage import open_storage
from tests.conftest import SMALL_SPACE
from tests.support.finished_sweep import finish, remote_storage
from tests.support.harness import advsweep
from tests.support.wandb_files import Run, read_run
from tests.support.wandb_stub import KEY, Fault, Stub

TRIALS = 3
GRID = ("adversarial_finetune=null", "prune=null", "attack.eps={grid_search: [4/255, 16/255, 32/255]}",
        "attack.steps=2")  # fmt: skip
"""Three trials with a security curve, on one model."""


@dataclass(frozen=True)
class Sweep:
    """A finished sweep in a storage of its own."""

    space: Path
    storage: Path

    def launch(self, mode: WandbMode) -> tuple[int, str]:
        """The same command again: exit code and output."""
        shown = io.StringIO()
        options = LaunchOptions(
            str(self.space), overrides=GRID, storage=str(self.storage), wandb=mode, project="robust"
        )
        return launch(options, Console(file=shown, width=400)), shown.getvalue()

    @property
    def store(self) -> SweepStore:
        return SweepStore(open_storage(self.storage), next(self.storage.glob("sweeps/*")).name)

    def files(self) -> dict[str, bytes]:
        """Rows and artifacts, as bytes."""
        found = [*self.storage.glob("stages/*/*"), *self.storage.glob("sweeps/*/trials/*")]
        return {str(file.relative_to(self.storage)): file.read_bytes() for file in found}

    def runs(self) -> list[Run]:
        return [read_run(file) for file in sorted(self.storage.glob("sweeps/*/wandb/wandb/offline-run-*/*.wandb"))]

    def ids(self) -> set[str]:
        """The ids that the runs of the trials must have."""
        return {run_id(self.store.sweep_id, row["trial_id"]) for row in self.store.rows()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """A finished sweep whose W&B runs are written and not sent."""
    folder = tmp_path_factory.mktemp("wandb")
    (folder / "small.yaml").write_text(SMALL_SPACE)
    finish(folder / "small.yaml", folder / "storage", GRID)
    sweep = Sweep(folder / "small.yaml", folder / "storage")
    before = sweep.files()
    assert sweep.launch("disabled")[0] == 0
    assert not list(sweep.storage.glob("sweeps/*/wandb"))
    assert sweep.launch("offline") == (
        0,
        f"{sweep.store.sweep_id}: {TRIALS} trials, {TRIALS} finished, nothing to do\n",
    )
    assert sweep.files() == before
    yield sweep
    shutil.rmtree(folder)


@pytest.fixture
def sweep(written: Sweep, tmp_path: Path) -> Sweep:
    """A copy of it."""
    shutil.copytree(written.storage, tmp_path / "storage", symlinks=True)
    return Sweep(written.space, tmp_path / "storage")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """A server that this process knows, with a key."""
    with Stub() as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def test_a_run_of_a_trial_holds_what_its_row_and_artifacts_say(written: Sweep) -> None:
    rows = {row["trial_id"]: row for row in written.store.rows()}
    runs = [run for run in written.runs() if run.job_type == "trial"]
    assert {run.config["trial_id"] for run in runs} == rows.keys()
    for run in runs:
        row = rows[run.config["trial_id"]]
        assert run.group == row["sweep_id"]
        assert run.tags == ["digits", "resnet8", "ifgsm"]
        assert run.config["train"]["optimizer"]["lr"] == 0.1
        assert {name: run.summary[name] for name in ("clean_accuracy", "robust_correct", "attack_eps")} == {
            name: row[name] for name in ("clean_accuracy", "robust_correct", "attack_eps")
        }
        assert run.axes["train/*"] == "train/epoch"
        assert [entry["train/epoch"] for entry in run.history if "train/epoch" in entry] == [0, 1]
        assert {"confusion_clean_table", "confusion_adversarial_table", "adversarial_examples"} <= run.history[
            -1
        ].keys()
        assert run.exit_code == 0


def test_the_pictures_and_matrices_are_those_of_the_artifacts(written: Sweep) -> None:
    rows = {run_id(written.store.sweep_id, row["trial_id"]): row for row in written.store.rows()}
    for identity, row in rows.items():
        (folder,) = written.storage.glob(f"sweeps/*/wandb/wandb/offline-run-*-{identity}")
        (picture,) = folder.glob("files/media/images/adversarial_examples*.png")
        assert Image.open(picture).size[0] > 8 * 100
        for when, correct in (("clean", "clean_correct"), ("adversarial", "robust_correct")):
            (file,) = folder.glob(f"files/media/table/confusion_{when}*.json")
            cells = json.loads(file.read_text())["data"]
            assert sum(count for *_, count in cells) == row["examples"]
            assert sum(count for actual, said, count in cells if actual == said) == row[correct]


def test_the_run_of_the_sweep_holds_table_figures_curves_and_parquet(written: Sweep) -> None:
    (run,) = [run for run in written.runs() if run.job_type == "sweep"]
    rows = sorted(written.store.rows(), key=lambda row: float(row["attack_eps"]))
    assert run.summary["trials"] == run.summary["finished"] == TRIALS
    assert {"figures/tradeoff", "figures/security_curves", "trials"} <= run.history[-1].keys()
    assert run.history[-1]["trials"]["nrows"] == TRIALS
    assert run.artifacts[f"{written.store.sweep_id}-tables"] == [
        "examples.parquet",
        "history.parquet",
        "trials.parquet",
    ]
    curve = [entry for entry in run.history if "security/eps" in entry]
    assert [entry["security/eps"] for entry in curve] == [0, *(row["attack_eps"] for row in rows)]
    (name,) = curve[0].keys() - {"security/eps", "_step", "_runtime", "_timestamp"}
    assert [entry[name] for entry in curve] == [rows[0]["clean_accuracy"], *(row["robust_accuracy"] for row in rows)]


def test_an_online_launch_sends_everything_once(sweep: Sweep, stub: Stub) -> None:
    before = sweep.files()
    stub.fault = Fault(delay=0.05)  # slow, not broken
    assert sweep.launch("online")[0] == 0
    trials = {name: run for name, run in stub.runs.items() if run.attributes["jobType"] == "trial"}
    assert trials.keys() == sweep.ids()
    assert len(stub.runs) == TRIALS + 1
    for name, run in stub.runs.items():
        assert run.complete
        assert run.inserted == 1
        assert run.attributes["groupName"] == sweep.store.sweep_id
        assert any(file.endswith(".png") for file in stub.uploaded(name))
    for name, run in trials.items():
        assert [row["train/epoch"] for row in stub.history(name) if "train/epoch" in row] == [0, 1]
        assert run.summary["robust_accuracy"] in {row["robust_accuracy"] for row in sweep.store.rows()}
        assert run.config["model"]["value"]["name"] == "resnet8"
    tables = [found for found in stub.artifacts.values() if found["type"] == "results"]
    assert [sorted(found["files"]) for found in tables] == [["examples.parquet", "history.parquet", "trials.parquet"]]
    assert {found["state"] for found in stub.artifacts.values()} == {"COMMITTED"}
    asked, lines = stub.operations.copy(), {name: stub.history(name) for name in stub.runs}
    assert sweep.launch("online")[0] == 0
    assert (stub.operations, {name: stub.history(name) for name in stub.runs}) == (asked, lines)
    assert sweep.files() == before
    assert not stub.unknown


@pytest.mark.parametrize("command", ["wandb sync", "launch --wandb online"])
def test_what_lies_beside_the_runs_is_not_imported_and_sees_no_key(
    command: str, sweep: Sweep, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither modules of a stranger nor settings of W&B that name the stranger's server."""
    folder, mark = WandbFolder(sweep.store).path, tmp_path / "ran"
    for name in ("random.py", "sitecustomize.py", "wandb/__init__.py", "wandb/random.py"):
        (folder / name).write_text(f"import os\nopen({str(mark)!r}, 'w').write(os.environ['WANDB_API_KEY'])\n")
    (tmp_path / "settings").write_text(f"[default]\nbase_url = {stub.url}\n")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("WANDB_BASE_URL")
    where: list[str | Path] = ["--storage", sweep.storage]
    with Stub() as stranger:
        (folder / "wandb" / "settings").write_text(f"[default]\nbase_url = {stranger.url}\n")
        if command == "wandb sync":
            advsweep("wandb", "sync", sweep.store.sweep_id, *where)
        else:
            overrides = [word for override in GRID for word in ("--set", override)]
            advsweep("launch", "--space", sweep.space, *where, *overrides, "--wandb", "online", "--project", "robust")
        assert not stranger.operations
    assert not mark.exists()
    assert stub.runs.keys() >= sweep.ids()


FAULTS = {
    "no_key": (None, "there is no key"),
    "refused": (None, "cannot be reached"),
    "401": (Fault(status=401), "does not take the key"),
    "403": (Fault(status=403), "does not take the key"),
    "500": (Fault(status=500), "cannot answer (status 500)"),
    "404": (Fault(status=404), "cannot answer (status 404)"),
    "hangs": (Fault(delay=30), "cannot be reached: timed out"),
    "drops": (Fault(drop=True), "cannot be reached"),
    "runs_refused": (Fault(status=401, of=frozenset({"UpsertBucket"})), "injected"),
    "runs_fail": (Fault(status=500, of=frozenset({"UpsertBucket"})), "in time"),
    "rows_refused": (Fault(status=403, of=frozenset({"file_stream"})), "Fatal error while uploading data"),
    "rows_hang": (Fault(delay=30, of=frozenset({"file_stream"})), "in time"),
    "rows_drop": (Fault(drop=True, of=frozenset({"file_stream"})), "in time"),
    "files_fail": (Fault(status=500, of=frozenset({"PUT"})), "in time"),
    "artifacts_fail": (Fault(status=500, of=frozenset({"CommitArtifact"})), "in time"),
}


def ends_only_by_time(name: str) -> bool:
    """Whether the client would go on trying for ever."""
    return FAULTS[name][1] == "in time"


@pytest.mark.parametrize("name", FAULTS)
def test_no_fault_of_a_server_changes_or_stalls_a_sweep(
    name: str, sweep: Sweep, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATIENCE", 1.0)
    monkeypatch.setattr(log, "SEND_LIMIT", 2.0 if ends_only_by_time(name) else 20.0)
    before = sweep.files()
    stub.fault, words = FAULTS[name]
    if name == "no_key":
        monkeypatch.delenv("WANDB_API_KEY")
        monkeypatch.setenv("NETRC", str(sweep.space))
    if name == "refused":
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
    began = time.monotonic()
    code, shown = sweep.launch("online")
    assert time.monotonic() - began < 30
    assert code == 0
    assert sweep.files() == before
    said = [line for line in shown.splitlines() if line.startswith("W&B")]
    assert len(said) == 1, shown
    assert words in said[0]
    assert f"`advsweep wandb sync {sweep.store.sweep_id}` sends them" in said[0]
    assert KEY not in shown


def test_what_a_fault_left_behind_is_sent_once_and_stands_once(sweep: Sweep, stub: Stub) -> None:
    folder, told = WandbFolder(sweep.store), list[str]()
    for kind in ("file_stream", "PUT"):
        stub.fault = Fault(status=403, of=frozenset({kind}))
        assert not sync(sweep.store, 5, told.append), "the client says it is synced, and it is not"
    stub.fault = None
    assert sync(sweep.store, 30, told.append)
    assert len(stub.runs) == TRIALS + 1
    assert all(run.inserted == 1 and run.complete for run in stub.runs.values())
    for name in sweep.ids():
        assert [row["train/epoch"] for row in stub.history(name) if "train/epoch" in row] == [0, 1]
    asked = stub.operations.copy()
    assert sync(sweep.store, 30, told.append)
    assert told[-1].endswith(f"nothing to send, {TRIALS + 1} runs are on the server")
    assert stub.operations == asked, "the second call asks the server nothing"
    assert not folder.sendable()


def test_no_key_stands_anywhere(sweep: Sweep, stub: Stub, capfd: pytest.CaptureFixture[str]) -> None:
    assert stub.key == KEY
    _, shown = sweep.launch("online")
    stub.key = "another"
    told = list[str]()
    (sweep.storage / next(sweep.storage.glob("sweeps/*/wandb/sent.txt"))).unlink()
    with pytest.raises(UsageError, match="does not take the key") as refused:
        sync(sweep.store, 5, told.append)
    texts = [shown, str(refused.value), *told, *capfd.readouterr()]
    assert not any(KEY in text for text in texts)
    for file in sweep.storage.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


def test_a_message_never_shows_the_key_or_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://someone:secret@127.0.0.1:9")
    assert server.redact_key(f"about {KEY}") == "about ***"
    assert parse_output(f"wandb: ERROR bad key {KEY}", {}).error == "ERROR bad key ***"
    with pytest.raises(server.UnreachableError) as refused:
        server.ask_viewer()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sent", "error"),
    [
        ("wandb: [p/a1] Finished syncing x-a1\nwandb: [p/b2] Finished syncing x-b2", ["A", "B"], None),
        ("wandb: ERROR [p/a1] Fatal\nwandb: [p/a1] Finished syncing x-a1\n[p/b2] Finished syncing b2", ["B"], "Fatal"),
        ("wandb: [p/a1] Finished syncing x-a1\nwandb: ERROR permission denied", [], "permission denied"),
        ("wandb: ERROR Find detailed error logs at: x\nError: WANDB_API_KEY invalid", [], "invalid"),
        ("wandb: [p/a1] uploading summary", [], None),
    ],
)
def test_what_the_client_prints_is_understood(text: str, sent: list[str], error: str | None) -> None:
    found = parse_output(text, {"a1": "A", "b2": "B"})
    assert found.keys == sent
    assert error in (found.error or "") if error else found.error is None


def test_sync_says_what_is_missing(sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(sweep.space))
    with pytest.raises(UsageError, match="there is no key: set WANDB_API_KEY"):
        sync(sweep.store, 5, print)
    with filelock.FileLock(WandbFolder(sweep.store).path / "sending.lock"), Stub() as other:
        for name, value in other.environment.items():
            monkeypatch.setenv(name, value)
        told = list[str]()
        assert not sync(sweep.store, 5, told.append)
        assert "another process sends these runs now" in told[-1]
        assert not other.runs
    monkeypatch.chdir(tmp_path)
    shared = remote_storage(sweep.storage)
    remote = SweepStore(shared, sweep.store.sweep_id)
    with pytest.raises(
        UsageError, match=f"{TRIALS} runs are not sent, and their files are not on .* they lie in /.* on"
    ):
        sync(remote, 5, print)
    shutil.rmtree(WandbFolder(sweep.store).path)
    with pytest.raises(UsageError, match="has no W&B runs"):
        sync(sweep.store, 5, print)


def test_one_run_that_cannot_be_written_keeps_no_other_from_it(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(WandbFolder(sweep.store).path)
    victim = sorted(sweep.ids())[0]
    write = writer.Writer._fill

    def fails(self: writer.Writer, run: object, content: RunContent) -> None:
        if content.id == victim:
            raise OSError("no space left")
        write(self, run, content)

    monkeypatch.setattr(writer.Writer, "_fill", fails)
    code, shown = sweep.launch("offline")
    assert code == 0
    assert shown.count("no space left") == 1
    assert "1 runs could not be written" in shown
    assert len(WandbFolder(sweep.store).written()) == TRIALS
    monkeypatch.undo()
    assert "W&B" not in sweep.launch("offline")[1]
    runs = sweep.runs()
    assert len(runs) == TRIALS + 1, "what was cut short is gone"
    assert all(run.exit_code == 0 for run in runs)


def test_two_launches_do_not_write_the_same_runs(sweep: Sweep) -> None:
    folder = WandbFolder(sweep.store)
    (folder.path / "written.txt").unlink()
    with filelock.FileLock(folder.path / log.LOCK):
        code, shown = sweep.launch("offline")
    assert (code, shown.count("another launch writes the runs of this sweep")) == (0, 1)


def test_a_report_is_made_once_and_brought_up_to_date(
    sweep: Sweep, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[str]()
    for _ in range(2):
        reports.report(sweep.store, None, None, told.append)
    ((_, view),) = stub.views.items()
    url = WandbFolder(sweep.store).report()["url"]
    assert told == [f"created {url}", f"updated {url}"]
    assert stub.operations["upsertView"] == 2
    _checked(view["spec"], sweep.store.sweep_id)
    assert view["projectName"] == "robust"
    stub.fault = Fault(status=403, of=frozenset({"upsertView"}))
    monkeypatch.setattr(reports, "SAVE_LIMIT", 3.0)
    with pytest.raises(UsageError, match="did not take the report"):
        reports.report(sweep.store, None, None, told.append)


def test_a_report_without_a_server_is_a_file(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(sweep.space))
    told = list[str]()
    reports.report(sweep.store, None, None, told.append)
    path = Path(sweep.storage / f"sweeps/{sweep.store.sweep_id}/wandb/report_spec.json")
    (said,) = told
    assert said.startswith("W&B: there is no key: set WANDB_API_KEY or run `wandb login`; no report was made")
    assert said.endswith(f"its specification is in {path}")
    _checked(path.read_text(), sweep.store.sweep_id)
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    with pytest.raises(UsageError, match=r"pip install 'advsweep\[reports\]'"):
        reports.report(sweep.store, None, None, told.append)


def _checked(specification: str, sweep_id: str) -> None:
    """The report shows this sweep: scatter, parallel coordinates, security curve."""
    grids = [block["metadata"] for block in json.loads(specification)["blocks"] if block["type"] == "panel-grid"]
    for grid in grids:
        (filters,) = [found["filters"]["filters"] for found in grid["runSets"]]
        assert (filters[0]["key"]["name"], filters[0]["value"]) == ("group", sweep_id)
    panels = [panel for grid in grids for panel in grid["panelBankSectionConfig"]["panels"]]
    by_type = {panel["viewType"]: panel["config"] for panel in panels}
    assert by_type["Scatter Plot"]["xAxis"] == "summary:clean_accuracy"
    accessors = [column["accessor"] for column in by_type["Parallel Coordinates Plot"]["columns"]]
    assert accessors == ["summary:attack_eps", "summary:clean_accuracy", "summary:robust_accuracy"]
    assert by_type["Run History Line Plot"]["xAxis"] == "security/eps"
    assert len(by_type["Run History Line Plot"]["metrics"]) == 1


def test_names_of_projects_are_checked_before_anything_runs(sweep: Sweep) -> None:
    with pytest.raises(UsageError, match="--project 'a/b'"):
        launch(LaunchOptions(str(sweep.space), storage=str(sweep.storage), project="a/b"), Console(file=io.StringIO()))


def test_a_deep_configuration_becomes_shallow() -> None:
    deep = {"attack": {"surrogate": {"train": {"optimizer": {"lr": 0.1, "name": "sgd"}}}}, "seed": 1}
    assert flatten_config(deep) == {
        "attack": {"surrogate": {"train": {"optimizer_lr": 0.1, "optimizer_name": "sgd"}}}, "seed": 1
    }  # fmt: skip


def test_batches_are_noted_one_by_one(sweep: Sweep, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "BATCH", 2)
    told = list[str]()
    assert sync(sweep.store, 30, told.append)
    assert told[:2] == [f"2/{TRIALS + 1} runs sent", f"4/{TRIALS + 1} runs sent"]
    assert len(stub.runs) == TRIALS + 1
