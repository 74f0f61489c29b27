"""Anything in place of a file of ours: each command that reads names it in one line, and goes on with the rest."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.report import write
from orchestrator.store.fault_log import FAILURE, FaultLog
from tasks.storage import documents
from tests.conftest import SMALL_SPACE
from tests.support.command_line import run_here
from tests.support.driver_signs import beating
from tests.support.finished_sweep import finish
from tests.support.lent_vega import lend_vega

pytestmark = pytest.mark.slow

FEW = ("adversarial_finetune=null", "prune=null")
"""Two trials that share a model."""

READERS = {
    "driver": ("sweeps/{sweep}/drivers/*.json", "status", "status SWEEP"),
    "faults": ("sweeps/{sweep}/faults/*.jsonl", "status", "status SWEEP"),
    "plan": ("sweeps/{sweep}/plan.json", "status", "status SWEEP", "report", "explain", "compare", "export", "clean"),
    "space": ("sweeps/{sweep}/space.yaml", "results --reference", "report"),
    "rows": ("sweeps/{sweep}/trials/*.parquet", "status", "results", "results --sql", "report", "compare", "export"),
    "record of the model": ("stages/{train}/stage.json", "explain", "export", "report", "plan", "launch --dry-run"),
    "record of an attack": ("stages/{attack}/stage.json", "explain", "compare", "report", "plan", "clean"),
    "model": ("stages/{train}/model.safetensors", "export"),
    "history": ("stages/{train}/history.parquet", "results --sql", "report"),
    "examples": ("stages/{attack}/examples.parquet", "results --sql", "results --worst-case", "compare", "report"),
    "failures.log": ("sweeps/{sweep}/logs/failures.log", "logs"),
    "drivers": ("sweeps/{sweep}/drivers", "status", "status SWEEP", "clean"),
    "all faults": ("sweeps/{sweep}/faults", "status"),
    "all rows": ("sweeps/{sweep}/trials", "status", "results", "report"),
    "stage": ("stages/{attack}", "status", "explain", "compare", "results --sql", "report", "plan", "clean"),
    "sweep": ("sweeps/{sweep}", "status", "results", "explain", "clean"),
}
"""What is replaced: where it is, and the commands that read it."""


def plant_bytes(content: bytes) -> Callable[[Path], None]:
    def plant(place: Path) -> None:
        place.write_bytes(content)

    return plant


def plant_half(place: Path) -> None:
    place.write_bytes(BEFORE[place][: len(BEFORE[place]) // 2])


def plant_other_types(place: Path) -> None:
    """Every value of a JSON file has another type; of anything else every byte is another one."""
    try:
        content = json.loads(BEFORE[place])
        changed = {name: [value] if isinstance(value, str) else str(value) for name, value in content.items()}
        place.write_bytes(json.dumps(changed).encode() + b"\n")
    except ValueError:
        place.write_bytes(bytes(byte ^ 0x55 for byte in BEFORE[place]))


def plant_table(place: Path) -> None:
    """A Parquet file with the right columns of wrong types, or with nothing of ours."""
    pq.write_table(pa.table({"trial_id": [1, 2], "stage_key": [None, None], "status": ["x", "y"]}), place)


def plant_socket(place: Path) -> None:
    before = Path.cwd()
    os.chdir(place.parent)  # its path may have about 100 characters
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(place.name)
    finally:
        os.chdir(before)


CONTENTS: dict[str, Callable[[Path], None]] = {
    "{}": plant_bytes(b"{}"),
    "[]": plant_bytes(b"[]"),
    "null": plant_bytes(b"null"),
    "a number": plant_bytes(b"1e400"),
    "other types": plant_other_types,
    "half": plant_half,
    "empty": plant_bytes(b""),
    "no UTF-8": plant_bytes(b"\xff\xfe{}"),
    "nested": plant_bytes(b"[" * 100_000),
    "a table": plant_table,
    "pipe": lambda place: os.mkfifo(place),
    "socket": plant_socket,
    "folder": lambda place: (place / "inside").mkdir(parents=True),
    "link to nowhere": lambda place: place.symlink_to("nowhere"),
    "link to itself": lambda place: place.symlink_to(place.name),
    "link out": lambda place: place.symlink_to("/etc/passwd"),
    "link to a device": lambda place: place.symlink_to("/dev/zero"),
}
BEFORE: dict[Path, bytes] = {}
"""What stood in a place that is planted."""

COMMANDS = {
    "status": ["status"],
    "status SWEEP": ["status", "{sweep}"],
    "results": ["results", "{sweep}"],
    "results --sql": ["results", "{sweep}", "--sql", "select count(*) from examples, (select count(*) from history)"],
    "results --reference": ["results", "{sweep}", "--reference"],
    "results --worst-case": ["results", "{sweep}", "--worst-case"],
    "report": ["report", "{sweep}", "--formats", "svg", "--out", "{out}"],
    "explain": ["explain", "{trial}"],
    "compare": ["compare", "{trial}", "{other}"],
    "export": ["export", "{trial}", "--out", "{out}/model"],
    "logs": ["logs", "{sweep}"],
    "plan": ["plan", "--space", "{space}", "--set", "adversarial_finetune=null", "--set", "prune=null"],
    "launch --dry-run": ["launch", "--dry-run", "--space", "{space}", "--set", "prune=null"],
    "clean": ["clean"],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A storage with a finished sweep, of which everything is there, and one beside it; and what is in it."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "small.yaml").write_text(SMALL_SPACE)
    plan, sweep = finish(folder / "small.yaml", folder / "storage", FEW)
    beside, _ = finish(folder / "small.yaml", folder / "storage", (*FEW, "attack.steps=2"))
    beating(sweep)
    attack, train = plan.trials[0].chain[-1], plan.trials[0].chain[0]
    FaultLog(sweep).add(FAILURE, [attack], "no such file", again=True)
    for name, content in {
        "logs/failures.log": b"a failure\n",
    }.items():
        sweep.storage.write(sweep.path(*name.split("/")), content)
    names = {"sweep": plan.sweep_id, "train": train.key, "attack": attack.key, "space": str(folder / "small.yaml")}
    names |= {"trial": plan.trials[0].trial_id, "other": plan.trials[1].trial_id, "beside": beside.sweep_id}
    return folder / "storage", names


@pytest.fixture
def storage(made: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    shutil.copytree(made[0], tmp_path / "storage")
    return tmp_path / "storage"


def clear(place: Path) -> None:
    """Remove what is planted, and keep its bytes."""
    BEFORE[place] = place.read_bytes() if place.is_file() else b""
    shutil.rmtree(place) if place.is_dir() else place.unlink()


TEXTS = ("{}", "[]", "null", "a number", "no UTF-8", "nested")
"""Contents that differ for whoever reads a text; for others each is as good as the first."""
BINARY = ("rows", "model", "history", "examples", "failures.log")
FOLDERS = ("drivers", "all faults", "all rows", "stage", "sweep")
"""Places where any file is wrong: what is in it is not read."""


def list_cases() -> list[tuple[str, str]]:
    """Each place with each content that is another one there."""
    same: dict[str, tuple[str, ...]] = dict.fromkeys(BINARY, TEXTS[1:])
    same |= dict.fromkeys(FOLDERS, (*TEXTS[1:], "other types", "half", "a table"))
    return [(file, content) for file in READERS for content in CONTENTS if content not in same.get(file, ())]


@pytest.mark.parametrize(("file", "content"), list_cases())
def test_what_is_planted_is_named_and_passed_over(
    made: tuple[Path, dict[str, str]],
    storage: Path,
    file: str,
    content: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(write, "write_figures", lambda *_: [])  # drawing takes seconds, and reads nothing
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    names = made[1] | {"out": str(tmp_path / "out")}
    pattern, *commands = READERS[file]
    if "report" in commands:
        lend_vega(os.environ)
    (place,) = storage.glob(pattern.format(**names))
    clear(place)
    CONTENTS[content](place)
    named = []
    for command in commands:
        documents.warn_once.cache_clear()
        caplog.clear()
        ended = run_here(*(word.format(**names) for word in COMMANDS[command]), "--storage", storage)
        said = [*ended.stderr.splitlines(), *caplog.messages]
        assert not ended.shows_defect, (command, ended)
        assert ended.code != 1 or command in ("clean", "results --reference"), (command, ended)
        assert len(said) == len(set(said)) <= 3, (command, said)
        if any(str(place.relative_to(storage)) in line or key_of(place) in line for line in said):
            named.append(command)
        if command == "status":
            shown = [line for line in ended.stdout.splitlines() if line.startswith(names["beside"])]
            assert (ended.code, len(shown)) == (0, 1), "the sweep beside it is shown"
    pages = "".join(page.read_text(errors="replace") for page in (tmp_path / "out").glob("*.html"))
    assert "root:x:" not in pages
    if content not in HARMLESS.get(file, ()):
        assert named, "no command has named it"


def key_of(place: Path) -> str:
    """How a message names a stage."""
    return next((f"stage {part[:12]}" for part in place.parts if len(part) == 64), "no stage")


HARMLESS = {
    "faults": ("empty", "half"),
    "space": ("{}", "half"),
    "history": ("a table",),
    "drivers": ("folder",),
    "all faults": ("folder",),
    "all rows": ("folder",),
    "stage": ("folder",),
    "failures.log": ("{}", "[]", "null", "a number", "other types", "half", "empty", "no UTF-8", "nested", "a table"),
}
"""What is no mistake: logs are any text, half of one is what a killed driver leaves, and a folder may be empty."""
