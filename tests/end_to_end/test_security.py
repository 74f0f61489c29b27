"""What a stranger puts into a storage, a space or a query runs no code, and reaches nothing outside the storage."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import pickle
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import torch

from orchestrator.plan.plan import make_plan, make_sweep_id, plan_text
from orchestrator.results.export import export_trial
from orchestrator.results.query import ask
from orchestrator.space.space import build, load
from orchestrator.store.clean import Leftover, find_leftovers, remove
from orchestrator.store.stage_records import check_records
from orchestrator.store.sweep_store import SweepStore, find_sweep, find_trial
from tasks.__main__ import main
from tasks.errors import CorruptArtifactError, StageError, StorageRefusedError, UnreadableError, UsageError
from tasks.keys import hash_json
from tasks.models.stored import load_stored_model
from tasks.stages.context import Context
from tasks.stages.run import run_stages
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage, open_storage
from tasks.yaml_files import parse_yaml
from tests.conftest import CONFIG
from tests.support.checkout import ROOT
from tests.support.cifar_files import write_cifar10
from tests.support.command_line import run_here
from tests.support.damage import WEIGHTS
from tests.support.harness import advsweep

DUCKDB = int(duckdb.__version__.split(".")[0])
UNSAFE = {"_pickle", "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "shelve"}
"""Modules whose files are code."""


def unsafe_calls(source: str) -> list[str]:
    """Imports and calls in a source that can run what a file says."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            found += [name for name in modules if name.split(".")[0] in UNSAFE]
        if not isinstance(node, ast.Call):
            continue
        name, options = ast.unparse(node.func), {option.arg: ast.unparse(option.value) for option in node.keywords}
        unsafe = {
            "torch.load": options.get("weights_only") != "True",
            "yaml.load": True,
            "yaml.load_all": True,
            "yaml.parse": options.get("Loader") != "yaml.SafeLoader",
            "np.load": options.get("allow_pickle", "False") != "False",
            "pickle.load": True,
            "pickle.loads": True,
            "pickle.Unpickler": True,
            "eval": True,
            "exec": True,
            "os.system": True,
        }
        shell = options.get("shell", "False") != "False"
        if unsafe.get(name, name.startswith(("yaml.unsafe", "yaml.full"))) or shell:
            found.append(ast.unparse(node))
    return found


def test_the_scan_finds_what_it_is_for() -> None:
    source = (
        "import dill\ntorch.load(f)\nyaml.load(t, Loader=yaml.Loader)\npickle.loads(b)\nnp.load(f, allow_pickle=True)"
    )
    assert len(unsafe_calls(source)) == 5
    assert not unsafe_calls("torch.load(f, weights_only=True)\nnp.load(f)\nyaml.safe_load(t)\nmodel.eval()")


def test_no_source_loads_what_can_run_code() -> None:
    files = [file for part in ("tasks", "orchestrator", "benchmarks") for file in (ROOT / part).rglob("*.py")]
    assert len(files) > 100
    found = {str(file.relative_to(ROOT)): calls for file in files if (calls := unsafe_calls(file.read_text()))}
    assert not found


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.system ['touch {}']", "!!python/name:os.system", "!!python/object:os.stat_result {{}}"],
)
def test_a_tag_in_a_space_is_refused(tag: str, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    space = tmp_path / "hostile.yaml"
    text = f"dataset: {tag.format(ran)}\n"
    space.write_text(text)
    with pytest.raises(UsageError, match=r"not valid YAML in line 1: tags such as .* are not known"):
        parse_yaml(text, "hostile.yaml")
    with pytest.raises(UsageError, match=r"hostile.yaml: not valid YAML in line 1"):
        load(str(space))
    assert not ran.exists()


class Harmful:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A storage with one trained model, and its key."""
    folder = tmp_path_factory.mktemp("made") / "storage"
    plan = make_plan(build("victim", "victim", {**CONFIG, "train": {**CONFIG["train"], "epochs": 1}}), None)  # type: ignore[dict-item]
    stage = plan.trials[0].chain[0]
    run_stages([stage], Context(StageStore(open_storage(folder)), device="cpu"))
    storage = open_storage(folder)
    storage.write(SweepStore(storage, plan.sweep_id).path("plan.json"), plan_text(plan))
    return folder, stage.key


def planted(made: tuple[Path, str], name: str, content: bytes, *, forged: bool = False) -> StageStore:
    """The store with another file in place of one; `forged` mends the checksums, as a stranger can."""
    folder, key = made
    stage = folder / "stages" / key
    before = {file: file.read_bytes() for file in stage.iterdir()}
    (stage / name).write_bytes(content)
    if forged:
        record = json.loads((stage / "stage.json").read_bytes())
        record["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        record.pop("checksum")
        (stage / "stage.json").write_text(json.dumps({**record, "checksum": hash_json(record)}))
    PLANTED.append(before)
    return StageStore(open_storage(folder))


PLANTED: list[dict[Path, bytes]] = []


@pytest.fixture(autouse=True)
def mended() -> Any:
    """Every test finds the model as it was made."""
    yield
    while PLANTED:
        for file, content in PLANTED.pop().items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


@pytest.mark.parametrize("forged", [False, True])
@pytest.mark.parametrize("name", ["model.safetensors", "stage.json"])
def test_a_planted_artifact_is_named_and_runs_nothing(
    made: tuple[Path, str], name: str, forged: bool, tmp_path: Path
) -> None:
    harmful = pickle.dumps(Harmful(tmp_path / "ran"))
    store = planted(made, name, harmful, forged=forged and name != "stage.json")
    with pytest.raises(CorruptArtifactError, match=rf"stage {made[1][:12]}: {name} (has|holds no weights|cannot be)"):
        load_stored_model(store, made[1])
    if name == "stage.json" or not forged:
        checked = check_records(store, [made[1]])
        (note,) = checked.set_aside
        assert not checked.whole
        assert f"{name} " in note
        assert "set aside as corrupt/" in note
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "model",
    [
        {"name": "os.system", "stem": "cifar", "channels": 1, "classes": 10, "mean": 0.0, "std": 1.0},
        {"name": "resnet8", "stem": "cifar", "channels": 1, "classes": 3, "mean": 0.0, "std": 1.0},
        {"name": "resnet8", "stem": "cifar", "channels": 1, "classes": "__import__('os')", "mean": 0.0, "std": 1.0},
        {"__class__": "x"},
        None,
    ],
)
def test_a_forged_description_is_named(made: tuple[Path, str], model: Any) -> None:
    folder, key = made
    record = json.loads((folder / "stages" / key / "stage.json").read_bytes())
    record.pop("checksum")
    record["model"] = model
    store = planted(made, "stage.json", json.dumps({**record, "checksum": hash_json(record)}).encode())
    with pytest.raises(CorruptArtifactError, match=r"stage.json does not describe model.safetensors"):
        load_stored_model(store, key)


def test_a_record_reaches_no_file_outside_its_stage(made: tuple[Path, str]) -> None:
    folder, key = made
    record = json.loads((folder / "stages" / key / "stage.json").read_bytes())
    record.pop("checksum")
    for name in ("../../../secret", "/etc/hostname", "sub/file.txt"):
        record["files"] = {name: {"bytes": 1, "sha256": "0" * 64}}
        store = planted(made, "stage.json", json.dumps({**record, "checksum": hash_json(record)}).encode())
        with pytest.raises(CorruptArtifactError, match="names files that are not beside it"):
            store.verify(key)


def test_a_planted_checkpoint_runs_nothing(tmp_path: Path) -> None:
    stage = make_plan(build("victim", "victim", CONFIG), None).trials[0].chain[0]
    storage = open_storage(tmp_path / "storage")
    store = StageStore(storage)
    storage.write(store.name_checkpoint(stage.key), pickle.dumps(Harmful(tmp_path / "ran")))
    (record,) = run_stages([stage], Context(store, device="cpu"))
    assert record["resumed_from"] == 0
    assert not (tmp_path / "ran").exists()


def test_weights_of_a_stranger_run_nothing(tmp_path: Path) -> None:
    for name, content in (("w.pt", Harmful(tmp_path / "ran")), ("w.safetensors", Harmful(tmp_path / "ran"))):
        (tmp_path / name).write_bytes(pickle.dumps(content))
        config = {**CONFIG, "model": {"name": "resnet8", "weights": str(tmp_path / name)}}
        stage = make_plan(build("victim", "victim", config), None).trials[0].chain[0]
        with pytest.raises(StageError, match=rf"model.weights: .*{name} (holds|cannot)"):
            run_stages([stage], Context(StageStore(open_storage(tmp_path / "storage")), device="cpu"))
    torch.save({"model": Harmful(tmp_path / "ran")}, tmp_path / "whole.pt")
    config = {**CONFIG, "model": {"name": "resnet8", "weights": str(tmp_path / "whole.pt")}}
    with pytest.raises(StageError, match="holds more than weights, and is refused"):
        run_stages(
            [make_plan(build("victim", "victim", config), None).trials[0].chain[0]],
            Context(StageStore(open_storage(tmp_path / "storage")), device="cpu"),
        )
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage with the plan of one sweep."""
    opened = open_storage(tmp_path / "storage")
    plan = make_plan(build("honest", "honest", CONFIG), None)
    opened.write(SweepStore(opened, plan.sweep_id).path("plan.json"), plan_text(plan))
    return opened


HOSTILE = ["../../etc", "..", "/etc/passwd", "honest/../../..", "", "a\0b", "sweeps/honest", "\\\\host\\share"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_sweep_or_trial_that_is_a_path_is_none(storage: Storage, name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no sweep|the id of a sweep is empty"):
        find_sweep(storage, name)
    with pytest.raises(UsageError, match=r"there is no trial|the id of a trial is empty"):
        find_trial(storage, name)
    with pytest.raises(UsageError, match=r"there is no trial|the id of a trial is empty"):
        export_trial(storage, name, tmp_path / "out", None)


def test_commands_refuse_a_sweep_that_is_a_path(storage: Storage) -> None:
    shown = advsweep("clean", "--yes", "--forget", "../../etc", "--storage", storage.uri, code=2).stderr
    assert shown.startswith("error: there is no sweep '../../etc'")


@pytest.mark.parametrize("name", HOSTILE)
def test_the_name_of_a_space_is_no_path(name: str) -> None:
    made = make_sweep_id(name, ["0" * 16])
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    assert not made.startswith(("-", "."))


@pytest.mark.parametrize(
    "change",
    [
        {"stages": {"../../x": {}}},
        {"trials": [{"trial_id": "0" * 16, "stages": ["../../../etc/passwd"]}]},
        {"trials": [{"trial_id": "../x", "stages": []}]},
        {"trials": None},
        {"stages": "x"},
    ],
)
def test_a_planted_plan_is_not_followed(
    storage: Storage, change: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    (sweep,) = storage.list_names("sweeps")
    name = f"sweeps/{sweep}/plan.json"
    storage.write(name, json.dumps({**json.loads(storage.read(name)), **change}).encode())
    with pytest.raises(UsageError, match="there is no trial '0'"):
        find_trial(storage, "0")
    (note,) = caplog.messages
    assert re.search(rf"{name}: .*is no plan that a launch has written; passed over", note)
    with pytest.raises(UsageError, match=r"plan.json: .*is no plan"):
        find_leftovers(storage)


def test_clean_removes_links_and_nothing_behind_them(storage: Storage, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "a").mkdir(parents=True)
    (outside / "a" / "file").write_text("precious")
    root = Path(storage.uri)
    links = {f"stages/{'a' * 64}", f"corrupt/{'a' * 64}-20260101T000000-ab12"}
    for link in links:
        (root / link).parent.mkdir()
        (root / link).symlink_to(outside)
    found = find_leftovers(storage)
    assert {item.name for item in found} == links
    remove(storage, found, lambda: None)
    assert not list((root / "stages").iterdir())
    (root / "stages").rmdir()
    (root / "stages").symlink_to(outside)
    with pytest.raises(UnreadableError, match="leads out of the storage"):
        find_leftovers(storage)
    with pytest.raises(StorageRefusedError, match="leads out of the storage"):
        remove(storage, [Leftover("stages/a", 1, "planted meanwhile")], lambda: None)
    assert (outside / "a" / "file").read_text() == "precious"


QUERIES = [
    "copy trials to '{out}/stolen.csv'",
    "copy (select 1) to '{out}/stolen.parquet' (format parquet)",
    "export database '{out}/exported'",
    "attach '{out}/other.db' as other",
    "select * from read_csv('{file}')",
    "select * from read_text('{file}')",
    "select * from read_blob('{file}')",
    "select * from read_parquet('{file}')",
    "select * from read_json('{file}')",
    "select * from glob('/etc/*')",
    "select * from '{file}'",
    "select * from sniff_csv('{file}')",
    "select * from parquet_metadata('{file}')",
    "install httpfs",
    "load httpfs",
    "select * from 'http://127.0.0.1:9/x.parquet'",
    "select * from 's3://bucket/x.parquet'",
    "create secret (type s3, key_id 'a', secret 'b')",
    "set enable_external_access = true",
    "reset enable_external_access",
    "set allowed_directories = ['/']",
    "set global temp_directory = '{out}'",
    "set lock_configuration = false",
    pytest.param(
        "pragma enable_profiling",
        marks=pytest.mark.skipif(DUCKDB < 2, reason="DuckDB 1 takes it though settings are locked; it writes nothing"),
    ),
    "set python_enable_replacements = true",
    "select * from connection",
    "select * from sweep",
    "select 1; copy trials to '{out}/stolen.csv'",
    "select getenv('HOME')",
    "import database '{out}'",
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_reads_the_four_tables_and_writes_nothing(storage: Storage, query: str, tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text("secret,1\n")
    out = tmp_path / "out"
    out.mkdir()
    (sweep,) = storage.list_names("sweeps")
    with pytest.raises(UsageError, match=r"^--sql: "):
        ask(SweepStore(storage, sweep), query.format(out=out, file=tmp_path / "file.csv"))
    assert not list(out.iterdir())


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_none_are_refused_in_a_line(made: tuple[Path, str], name: str) -> None:
    """Headers that are as long as nothing can be, tensors that overlap: with the checksums that belong to them."""
    store = planted(made, "model.safetensors", WEIGHTS[name], forged=True)
    with pytest.raises(CorruptArtifactError, match=r"\Astage [0-9a-f]{12}: [^\n]*\Z"):
        load_stored_model(store, made[1])


@pytest.mark.parametrize("batch", ["data_batch_3", "test_batch", "batches.meta"])
def test_an_archive_of_images_that_would_run_code_is_refused_by_a_trial(
    batch: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_cifar10(tmp_path / "data", "py")
    (tmp_path / "data" / "cifar-10-batches-py" / "batches.meta.txt").unlink()
    (tmp_path / "data" / "cifar-10-batches-py" / batch).write_bytes(pickle.dumps(Harmful(tmp_path / "harm")))
    space = tmp_path / "space.yaml"
    space.write_text(json.dumps({**CONFIG, "dataset": {"name": "cifar10"}}))
    for command in (["data", "prepare", "cifar10"], ["plan", "--space", space, "--storage", tmp_path / "storage"]):
        assert not run_here(*command, "--data-dir", tmp_path / "data").shows_defect
    capsys.readouterr()
    options = ["--config", space, "--storage", tmp_path / "storage", "--data-dir", tmp_path / "data"]
    assert main([str(option) for option in options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{batch} cannot be read: it names posix.mkdir, which no copy of the data set does: refused" in line
    assert not (tmp_path / "harm").exists()
