"""What a stranger puts into a plan, a space, a query or a name runs no code and reaches nothing outside the storage."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestrator.plan.plan import make_plan, make_sweep_id, plan_text
from orchestrator.results.export import export_trial
from orchestrator.results.query import ask
from orchestrator.space.space import build, load
from orchestrator.store.clean import Leftover, find_leftovers, remove
from orchestrator.store.sweep_store import SweepStore, find_sweep, find_trial
from tasks.errors import StorageRefusedError, UnreadableError, UsageError
from tasks.storage.storage import Storage, open_storage
from tasks.yaml_files import parse_yaml
from tests.conftest import CONFIG
from tests.support.checkout import ROOT
from tests.support.command_line import run_here

DUCKDB = int(duckdb.__version__.split(".")[0])
UNSAFE = {"_pickle", "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "shelve"}
"""Modules whose files are code."""


def may_be_unsafe(call: ast.Call) -> bool:
    """Whether the last word of what is called is one of those below; to write out every call would take seconds."""
    last = getattr(call.func, "attr", getattr(call.func, "id", ""))
    words = ("load", "parse", "Unpickler", "eval", "exec", "system", "unsafe", "full")
    return last.startswith(words) or any(option.arg in ("shell", None) for option in call.keywords)


def unsafe_calls(source: str) -> list[str]:
    """Imports and calls in a source that can run what a file says."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            found += [name for name in modules if name.split(".")[0] in UNSAFE]
        if not isinstance(node, ast.Call) or not may_be_unsafe(node):
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


@pytest.mark.slow
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
    ended = run_here("clean", "--yes", "--forget", "../../etc", "--storage", storage.uri)
    assert ended.code == 2
    assert ended.stderr.startswith("error: there is no sweep '../../etc'")


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
