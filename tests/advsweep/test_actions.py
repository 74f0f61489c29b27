"""Planning, launching and opening sweeps from Python."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import advsweep
from advsweep import actions
from advsweep import sweep as sweeps
from orchestrator.options import FINISHED, INTERRUPTED, SOME_FAILED, LaunchOptions
from orchestrator.plan.plan import make_plan
from orchestrator.plan.prepare import prepare_sweep
from orchestrator.space.space import Space
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.storage import open_storage
from tasks.trial.row import make_failed_row
from tests.support.finished_sweep import finish
from tests.support.harness import list_imported_modules

SPACE: dict[str, Any] = {
    "dataset": {"name": "digits", "image_size": 8, "train_examples": 100},
    "model": {"name": "resnet8"},
    "attack": {"name": "fgsm", "eps": {"grid_search": [4 / 255, "8/255"]}, "examples": 20},
}


def list_examples() -> Iterator[doctest.DocTest]:
    """The examples in the docstrings of what the public face offers."""
    for module in (actions, sweeps):
        for found in doctest.DocTestFinder(exclude_empty=True).find(module):
            if found.examples:
                yield found


EXAMPLES = {found.name.removeprefix("advsweep."): found for found in list_examples()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> advsweep.Sweep:
    """A sweep of two finished trials."""
    folder = tmp_path_factory.mktemp("finished")
    space = folder / "small.yaml"
    space.write_text(
        "{dataset: {name: digits, image_size: 16, train_examples: 200}, model: {name: resnet8},"
        " train: {epochs: 1, batch_size: 50, optimizer: {name: sgd, lr: 0.05}}, prune: {ratio: 0.5},"
        " attack: {name: ifgsm, eps: 8/255, steps: {grid_search: [2, 5]}, step_size: 2/255, examples: 50}}"
    )
    finish(space, folder / "s")
    return advsweep.open("small", storage=folder / "s")


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "actions.launch"])
def test_the_examples_of_a_docstring_run(name: str, finished: advsweep.Sweep) -> None:
    given = {"advsweep": advsweep, "sweep": finished, "trial": finished.trials()["trial_id"].iloc[0]}
    check_example(EXAMPLES[name], given)


@pytest.mark.slow
@pytest.mark.cluster
def test_the_example_of_a_launch_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_example(EXAMPLES["actions.launch"], {"advsweep": advsweep})
    assert advsweep.open("space").status()["state"] == "finished"


def check_example(example: doctest.DocTest, given: dict[str, Any]) -> None:
    example.globs = given
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(example, out=said.append, clear_globs=False)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def test_every_method_that_returns_a_table_has_an_example() -> None:
    methods = {name for name, _ in inspect.getmembers(advsweep.Sweep, inspect.isfunction) if not name.startswith("_")}
    assert {f"sweep.Sweep.{name}" for name in methods} <= EXAMPLES.keys()
    assert {"actions.plan", "actions.launch", "actions.open_sweep"} <= EXAMPLES.keys()


def test_a_launch_takes_every_option_of_the_command_line() -> None:
    named = inspect.signature(actions.launch).parameters.keys() - {"name", "progress", "check", "options"}
    assert named | actions.LaunchKeywords.__annotations__.keys() == {field.name for field in fields(LaunchOptions)} - {
        "dry_run"
    }


def test_a_space_is_a_name_a_file_or_plain_data(space_file: Path) -> None:
    plan = advsweep.plan(space_file, overrides=["prune.ratio=0.3"])
    assert len(plan) == len(plan.trials) == 4
    assert "small-" in repr(plan)
    assert "<td>attack</td><td>4</td><td>4</td>" in plan._repr_html_()
    assert [planned.trial_id for planned in advsweep.plan(str(space_file), overrides={"prune.ratio": 0.3}).trials] == [
        planned.trial_id for planned in plan.trials
    ]
    mine = advsweep.plan(SPACE, overrides={"seed": 3})
    assert [planned.trial.seed for planned in mine.trials] == [3, 3]
    assert mine.sweep_id.startswith("space-")
    assert "seed" not in SPACE, "what was given is as it was"
    assert advsweep.plan(SPACE, name="mine").sweep_id.startswith("mine-")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("digist", "did you mean 'digits'"),
        (SPACE | {"model": {"name": "resnet9"}}, "space: 1 problem\n  model.name = 'resnet9': unknown model"),
        (SPACE | {"seed": {1, 2}}, "plain data"),
    ],
)
def test_a_mistake_is_an_exception(space: Any, message: str, tmp_path: Path) -> None:
    for act in (advsweep.plan, lambda given: advsweep.launch(given, storage=tmp_path / "s")):
        with pytest.raises(advsweep.UsageError, match=message):
            act(space)
    assert not (tmp_path / "s").exists()
    with pytest.raises(advsweep.UsageError, match="name = 'a/b'"):
        advsweep.launch(SPACE, name="a/b")


class Launched:
    """What a launch would have run."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.calls: list[tuple[Space, LaunchOptions]] = []
        self.quiet: list[bool] = []

    def __call__(self, space: Space, options: LaunchOptions, console: Any) -> int:
        self.calls.append((space, options))
        self.quiet.append(console.quiet)
        console.quiet = True
        plan = make_plan(space, None)
        sweep = SweepStore(open_storage(options.storage), plan.sweep_id)
        prepare_sweep(plan, sweep.storage, console).write_plan()
        if self.code == SOME_FAILED:
            sweep.write_rows([make_failed_row(plan.trials[0].trial, plan.trials[0].chain, "it burst") | {"space": "x"}])
        return self.code


@pytest.fixture
def launch_with(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give every launch an exit code."""

    def replace(code: int) -> Launched:
        launched = Launched(code)
        monkeypatch.setattr(actions, "launch_space", launched)
        return launched

    return replace


def test_a_launch_returns_its_sweep(launch_with: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launched = launch_with(FINISHED)
    monkeypatch.setenv("ADVSWEEP_STORAGE", str(tmp_path / "variable"))
    monkeypatch.setenv("ADVSWEEP_ADDRESS", "auto")
    sweep = advsweep.launch(SPACE, overrides=["seed=1"], name="mine", wandb="disabled", max_concurrent=3)
    ((space, options),) = launched.calls
    assert sweep.storage == str(tmp_path / "variable")
    assert (options.address, options.wandb, options.max_concurrent) == ("auto", "disabled", 3)
    assert Path(options.space).name == "mine.yaml"
    assert options.overrides == ["seed=1"]
    assert sweep.sweep_id == advsweep.open("mine").sweep_id
    assert {trial.seed for trial in space.trials} == {1}


VARIABLES = {"ADVSWEEP_STORAGE": "variable", "ADVSWEEP_DATA_DIR": "data", "ADVSWEEP_ADDRESS": "auto"}


@pytest.mark.parametrize(
    ("given", "variables", "storage", "data_dir", "address"),
    [
        ({}, {}, "results", None, "local"),
        ({}, VARIABLES, "variable", Path("data"), "auto"),
        ({}, dict.fromkeys(VARIABLES, ""), "results", None, "local"),
        (
            {"storage": Path("mine"), "data_dir": "my data", "address": "ray://host:1"},
            VARIABLES,
            "mine",
            Path("my data"),
            "ray://host:1",
        ),
    ],
)
def test_what_is_given_counts_before_the_environment(
    given: dict[str, Any], variables: dict[str, str], storage: str, data_dir: Path | None, address: str,
    launch_with: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    launched = launch_with(FINISHED)
    advsweep.launch(SPACE, progress=False, **given)
    ((_, options),) = launched.calls
    assert (options.storage, options.data_dir, options.address) == (storage, data_dir, address)
    assert {file.name for file in tmp_path.iterdir()} == {storage}
    assert advsweep.open("space", storage=given.get("storage")).status()["trials"] == 2


def test_a_launch_is_quiet_where_nobody_wants_lines_and_adds_attacks_where_asked(
    launch_with: Any, tmp_path: Path
) -> None:
    launched = launch_with(FINISHED)
    space = SPACE | {"attack": SPACE["attack"] | {"name": "ifgsm"}}
    advsweep.launch(space, storage=tmp_path / "s", progress=False)
    advsweep.launch(space, storage=tmp_path / "s", verify=True)
    (plain, _), (more, options) = launched.calls
    assert launched.quiet == [True, False]
    assert len(plain.trials) == 2
    assert len(more.trials) == len(advsweep.plan(space, verify=True)) > 2
    assert options.verify


@pytest.mark.parametrize(
    "overrides",
    ["attack.eps={grid_search: [0.1, 0.2, 0.3]}", ["attack.eps={grid_search: [0.1, 0.2, 0.3]}"],
     ("attack.eps={grid_search: [0.1, 0.2, 0.3]}",), {"attack.eps": {"grid_search": [0.1, 0.2, 0.3]}}],
)  # fmt: skip
def test_overrides_are_texts_or_a_mapping(overrides: Any) -> None:
    plan = advsweep.plan(SPACE, overrides=overrides)
    assert [planned.trial.attack.method.eps for planned in plan.trials] == [0.1, 0.2, 0.3]


def test_an_exception_lists_five_errors() -> None:
    facts = {"failed": 4, "missing": 3, "trials": 9, "errors": [f"error {n}" for n in range(7)]}
    sweep: Any = SimpleNamespace(sweep_id="digits-1", status=lambda: facts)
    error = advsweep.TrialsFailedError(sweep)
    assert str(error).splitlines() == [
        "digits-1: 7 of 9 trials have no result", *(f"  error {n}" for n in range(5))
    ]  # fmt: skip
    assert error.sweep is sweep


def test_a_launch_whose_driver_is_elsewhere_takes_the_content_along(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read_file(space: Space, options: LaunchOptions, _: Any) -> int:
        assert advsweep.plan(options.space, overrides=options.overrides).sweep_id == advsweep.plan(SPACE).sweep_id
        assert len(space.trials) == 2
        return FINISHED

    monkeypatch.setattr(actions, "launch_space", read_file)
    advsweep.launch(SPACE, storage=tmp_path / "s")


def test_what_failed_is_an_exception_with_the_sweep(launch_with: Any, tmp_path: Path) -> None:
    launch_with(SOME_FAILED)
    with pytest.raises(advsweep.TrialsFailedError, match="2 of 2 trials have no result\n  it burst") as raised:
        advsweep.launch(SPACE, storage=tmp_path / "s")
    assert raised.value.sweep.trials()["status"].tolist() == ["failed"]
    assert advsweep.launch(SPACE, storage=tmp_path / "s", check=False).status()["failed"] == 1


def test_an_interrupt_is_one(launch_with: Any, tmp_path: Path) -> None:
    launch_with(INTERRUPTED)
    with pytest.raises(KeyboardInterrupt, match="nothing finished is lost"):
        advsweep.launch(SPACE, storage=tmp_path / "s")


@pytest.mark.slow
def test_opening_a_sweep_needs_no_torch_and_no_ray() -> None:
    modules = list_imported_modules("import advsweep; advsweep.open; advsweep.Sweep")
    assert not {"torch", "ray", "wandb", "polars"} & modules


def test_what_plugins_say_is_said_first(
    launch_with: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(names: Any) -> list[str]:
        assert names == ("mine.py",)
        return ["plugin mine.py: an attack"]

    monkeypatch.setattr(actions, "load_plugins", load)
    launch_with(FINISHED)
    advsweep.launch(SPACE, storage=tmp_path / "s", plugins=("mine.py",))
    assert capsys.readouterr().out.splitlines()[0] == "plugin mine.py: an attack"
    advsweep.launch(SPACE, storage=tmp_path / "s", plugins=("mine.py",), progress=False)
    assert "mine.py" not in capsys.readouterr().out
