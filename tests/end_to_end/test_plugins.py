"""Parts of a user's own, from files outside of the package: found everywhere, and never used with other code."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import random
import re
import sys
from pathlib import Path

import pytest

from orchestrator.plan.plan import make_plan, plan_text
from orchestrator.space.space import load
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.plugins.load import PLUGINS
from tasks.storage.storage import open_storage
from tests.support.children import run_in_child
from tests.support.command_line import run_here
from tests.support.finished_sweep import finish
from tests.support.harness import ONE, advsweep, ended, rows
from tests.support.plugin_texts import PARTS, SPACE, write_parts


@pytest.fixture
def lab(tmp_path: Path) -> list[str]:
    """The options that bring all parts; `space.yaml` beside them uses each."""
    (tmp_path / "space.yaml").write_text(SPACE)
    return [word for file in write_parts(tmp_path) for word in ("--plugin", str(file))]


@pytest.mark.parametrize("kind", PARTS)
def test_a_part_takes_at_most_fifteen_lines(kind: str) -> None:
    assert len([line for line in PARTS[kind].splitlines() if line.strip()]) <= 15


@pytest.mark.slow
@pytest.mark.cluster
def test_a_sweep_of_nothing_but_own_parts_runs_and_other_code_runs_again(lab: list[str], tmp_path: Path) -> None:
    space, storage = ["--space", str(tmp_path / "space.yaml")], ["--storage", str(tmp_path / "results")]
    advsweep("launch", *space, *storage, *lab, "--wandb", "disabled", *ONE)
    found = {row["attack"]: row for row in rows(tmp_path / "results")}
    assert found["darken"]["status"] == found["ifgsm"]["status"] == "finished"
    assert found["darken"]["clean_accuracy"] > 0.5
    assert found["advgan"]["eps_reached"] == pytest.approx(0.2)
    assert found["advgan"]["generator_seconds"] > 0
    assert (found["ifgsm"]["model"], found["ifgsm"]["dataset"]) == ("tiny_cnn", "stripes")
    shown = advsweep("launch", *space, *storage, *lab, "--wandb", "disabled", *ONE).stdout
    assert "nothing to do" in shown
    unknown = advsweep("export", found["darken"]["trial_id"], *storage, "--out", tmp_path / "out", code=2).stderr
    assert "give --plugin" in unknown
    advsweep("export", found["darken"]["trial_id"], *storage, *lab, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "plugin" / "lab_model.py").read_text() == PARTS["model"]
    assert (tmp_path / "out" / "plugin" / "lab_layers.py").is_file()
    for command in (["results", "space"], ["report", "space"], ["explain", found["darken"]["trial_id"]]):
        advsweep(*command, *storage)

    layers = tmp_path / "lab_layers.py"
    layers.write_text(layers.read_text().replace("8", "6"))
    changed = advsweep("export", found["darken"]["trial_id"], *storage, *lab, "--out", tmp_path / "new", code=2).stderr
    assert "the code of its model 'tiny_cnn' has changed since: lab_layers.py" in changed
    advsweep("report", "space", *storage, *lab)
    before = ended(tmp_path / "results")
    plan = json.loads(advsweep("plan", *space, *storage, *lab, "--json").stdout)
    kept = {kind for kind, counts in plan["stages"].items() if counts["in_store"]}
    assert kept == {"generator"}, "which knows the images alone"
    advsweep("launch", *space, *storage, *lab, "--wandb", "disabled", *ONE)
    assert sum((ended(tmp_path / "results") - before).values()) == 6
    failed = advsweep("launch", *space, *storage, code=2).stderr
    assert "unknown model" in failed


def plan_one_trial(folder: Path, *, runs: bool) -> str:
    """Load the model, and plan or finish the trial of `one.yaml`; its id."""
    PLUGINS.load(str(folder / "lab_model.py"))
    if runs:
        plan, _ = finish(folder / "one.yaml", folder / "results")
    else:
        plan = make_plan(load(str(folder / "one.yaml")), None)
        sweep = SweepStore(open_storage(folder / "results"), plan.sweep_id)
        sweep.storage.write(sweep.path(paths.PLAN), plan_text(plan))
    return plan.trials[0].trial_id


@pytest.mark.slow
def test_explain_names_the_files_that_have_changed(tmp_path: Path) -> None:
    trial = {
        "dataset": {"name": "digits", "image_size": 8, "train_examples": 40},
        "model": {"name": "tiny_cnn"},
        "train": {"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.1}},
        "attack": {"name": "fgsm", "eps": 0.1, "examples": 10},
    }
    (tmp_path / "one.yaml").write_text(json.dumps(trial))
    write_parts(tmp_path)
    finished = run_in_child(functools.partial(plan_one_trial, runs=True), tmp_path)
    (tmp_path / "lab_layers.py").write_text("WIDTH = 4\n")
    (tmp_path / "lab_model.py").write_text(PARTS["model"].replace("nn.ReLU()", "nn.Blow()"))
    changed = run_in_child(functools.partial(plan_one_trial, runs=False), tmp_path)
    assert "other content" not in run_here("explain", finished, "--storage", tmp_path / "results").stdout
    said = run_here("explain", changed, "--storage", tmp_path / "results").stdout
    assert "lab_model.py has other content" in said
    assert "lab_layers.py has other content" in said


USES = {
    "lab_model.py": {"train", "prune", "finetune", "attack"},
    "lab_layers.py": {"train", "prune", "finetune", "attack"},
    "lab_importance.py": {"prune", "finetune", "attack"},
    "lab_objective.py": {"finetune", "attack"},
    "lab_attack.py": {"darken"},
    "lab_generator.py": {"generator", "advgan"},
}
"""File -> the stages whose keys depend on it: those that use its part, and what builds on them."""


EDITS = [
    (r"\d+", "17"), (r"\d+", "2"), (r"\*", "+"), (r" - ", " + "), (r"(?<==)True", "False"), (r"nn\.ReLU", "nn.SiLU"),
    (r"nn\.\w+", "nn.Identity"), (r"std\(1, \w+=0\)", "amax(1)"), (r"eq\(", "ne("), (r"\.mean\(\)", ".sum()"),
    (r"multi_margin_loss", "cross_entropy"), (r"clamp\(0, 1\)", "clamp(0, 2)"), (r"\n", "\n# a word\n"),
    (r"flatten", "mul"),
]  # fmt: skip
"""Pattern -> what takes its place: constants, operators, layers, losses, a comment."""


def make_edit(text: str, draw: random.Random) -> str:
    """The text with one such edit at one place."""
    places = [(place, new) for pattern, new in EDITS for place in re.finditer(pattern, text) if place.group() != new]
    place, new = draw.choice(places)
    return text[: place.start()] + new + text[place.end() :]


def plan_keys(folder: Path) -> dict[str, str] | None:
    """Load the plugins and plan; the key of each stage by its kind, the attacks by their names."""
    for file in sorted(folder.glob("lab_*.py")):
        if file.name != "lab_layers.py":
            PLUGINS.load(str(file))
    if PLUGINS.failures:
        return None  # this edit cannot be imported: nothing that needs it would run
    stages = [planned.chain for planned in make_plan(load(str(folder / "space.yaml")), None).trials]
    found = {stage.kind: stage.key for chain in stages for stage in chain}
    return found | {"darken": stages[0][-1].key, "attack": stages[1][-1].key, "advgan": stages[2][-1].key}


def list_imported(folder: Path) -> list[str]:
    """What is imported once they are planned, but for the plugins themselves."""
    plan_keys(folder)
    return [name for name in sys.modules if not name.startswith("lab_")]


def plan_in_child(folder: Path) -> dict[str, str] | None:
    """The keys in a process that has imported none of the files before."""
    with contextlib.suppress(EOFError):
        return run_in_child(plan_keys, folder)
    return None


@pytest.mark.slow
def test_no_edit_of_a_plugin_leaves_the_key_of_a_stage_that_uses_it(tmp_path: Path) -> None:
    write_parts(tmp_path)
    (tmp_path / "space.yaml").write_text(SPACE.replace("name: stripes, image_size: 16", "name: digits, image_size: 16"))
    for name in run_in_child(list_imported, tmp_path):
        importlib.import_module(name)  # once for all children
    before = plan_in_child(tmp_path)
    assert before is not None
    assert plan_in_child(tmp_path) == before
    draw, judged = random.Random(0), 0
    for number in range(60):
        file = tmp_path / sorted(USES)[number % len(USES)]
        text = file.read_text()
        file.write_text(make_edit(text, draw))
        after = plan_in_child(tmp_path)
        file.write_text(text)
        if after is None:
            continue
        judged += 1
        uses = USES[file.name] | ({"darken", "advgan"} if "attack" in USES[file.name] else set())
        assert {name for name in before if after[name] != before[name]} == uses, file.name
    assert judged >= 48
