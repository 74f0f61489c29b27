"""Importing plugins: what they may be, what is said of one that cannot be imported, and what it leaves behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.models.registry import ARCHITECTURES
from tasks.models.settings import ModelSettings
from tasks.plugins.load import PLUGINS, load_plugins
from tests.support.children import run_in_child

NET = """
import advsweep
from net_layers import WIDTH

@advsweep.model("mynet")
def build(channels, classes, stem="cifar"):
    from torch import nn
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(WIDTH), nn.ReLU(), nn.Linear(WIDTH, classes))
"""


def load(folder: Path, *references: str, variable: str = "") -> list[str]:
    """What a process without plugins says of these and of their parts; its working directory is their folder."""
    return run_in_child(show_loaded, folder, references, variable)


def show_loaded(folder: Path, references: tuple[str, ...], variable: str) -> list[str]:
    os.chdir(folder)
    os.environ.update(ADVSWEEP_PLUGINS=variable, HOME=str(folder))
    try:
        shown = load_plugins(references)
    except UsageError as error:
        shown = str(error).splitlines()
    shown += [" ".join(part) for plugin in PLUGINS.loaded.values() for part in plugin.parts]
    if "mynet" in ARCHITECTURES:
        shown.append(" ".join(ModelSettings(name="mynet").canonical()["code"]))
    return shown


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    (tmp_path / "mynet.py").write_text(NET)
    (tmp_path / "net_layers.py").write_text("WIDTH = 8")
    return tmp_path


def test_a_file_brings_its_parts_and_its_code_is_in_the_settings_that_name_them(plugin: Path) -> None:
    expected = ["model mynet mynet", "mynet.py net_layers.py"]
    assert load(plugin, "mynet.py") == expected
    assert load(plugin, str(plugin / "mynet.py"), "mynet.py") == expected
    assert load(plugin, variable=str(plugin / "mynet.py")) == expected


def test_a_package_is_given_as_a_folder_or_as_a_file_in_it(tmp_path: Path) -> None:
    package = tmp_path / "mylab"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "nets.py").write_text(NET.replace("net_layers", ".net_layers"))
    (package / "net_layers.py").write_text("WIDTH = 8")
    code = "mylab/__init__.py mylab/net_layers.py mylab/nets.py"
    assert load(tmp_path, "mylab/nets.py") == ["model mynet mylab.nets", code]
    (package / "__init__.py").write_text("from mylab import nets")
    assert load(tmp_path, "./mylab") == load(tmp_path, "mylab") == ["model mynet mylab.nets", code]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "import advsweep\nadvsweep.lunch",
            "AttributeError: module 'advsweep' has no attribute 'lunch' (broken.py, line 2)",
        ),
        ("def f(:", "invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3 (broken.py, line 1)"),
        ("1 / 0", "ZeroDivisionError: division by zero (broken.py, line 1)"),
        ("class Mute(Exception):\n    def __str__(self): 1 / 0\nraise Mute", "Mute: no message (broken.py, line 3)"),
        ("import no_such_module", "No module named 'no_such_module'"),
        (NET.replace("from net_layers import WIDTH", "WIDTH = 3") + "\n1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_one_line_and_the_others_are_there(
    text: str, said: str, plugin: Path
) -> None:
    (plugin / "broken.py").write_text(text)
    line, *parts = load(plugin, "broken.py", "mynet.py")
    assert line.startswith("plugin broken.py: ")
    assert said in line
    assert parts == ["model mynet mynet", "mynet.py net_layers.py"]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("bare/", "is no folder with an __init__.py"),
        ("no.such.module", "ModuleNotFoundError: No module named 'no'\n"),
        (".", "is no folder with an __init__.py"),
        ("plain", "is neither a Python file nor a folder with an __init__.py"),
        ("two words.py", "is no name of a Python module"),
        ("json.py", "is the name of a module that is installed or loaded already"),
        ("", "is empty"),
    ],
)
def test_what_is_no_plugin_is_refused_in_one_line(reference: str, said: str, plugin: Path) -> None:
    for name in ("two words.py", "json.py"):
        (plugin / name).write_text(NET)
    (plugin / "plain").mkdir()
    (plugin / "bare").mkdir()
    (line,) = load(plugin, reference)
    assert said in f"{line}\n"


@pytest.mark.parametrize("reference", ["absent.py", "no/folder", "~nobody.here/x.py"])
def test_a_path_that_leads_nowhere_is_refused_where_it_is_typed(reference: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"^plugin {reference}: there is no such file$"):
        load_plugins([reference])
    (line,) = load(tmp_path, variable=reference)
    assert line.startswith(f"plugin {reference}: "), "what a variable of the environment names is a line"


def test_what_is_asked_for_and_cannot_be_imported_is_refused_and_of_the_environment_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [tmp_path / "wrong_one.py", tmp_path / "wrong_two.py"]
    for file in wrong:
        file.write_text("1 / 0")
    lines = [f"plugin {file}: ZeroDivisionError: division by zero ({file.name}, line 1)" for file in wrong]
    with pytest.raises(UsageError) as caught:
        load_plugins(map(str, wrong))
    assert str(caught.value).splitlines() == lines
    monkeypatch.setenv("ADVSWEEP_PLUGINS", str(wrong[0]))
    assert load_plugins() == lines[:1]


def test_what_else_lies_beside_a_plugin_is_never_imported(plugin: Path) -> None:
    (plugin / "sched.py").write_text("raise SystemExit('planted')")
    (plugin / "yaml.py").write_text("raise SystemExit('planted')")
    (plugin / "tensorflow.py").write_text("raise SystemExit('planted')")
    (plugin / "mynet.py").write_text(
        "import sched, yaml\ntry:\n    __builtins__\nexcept ImportError:\n    pass\n" + NET
    )
    assert load(plugin, "mynet.py")[0] == "model mynet mynet"


def test_two_plugins_cannot_bring_parts_of_one_name(plugin: Path) -> None:
    (plugin / "again.py").write_text(NET)
    line, *_ = load(plugin, "mynet.py", "again.py")
    assert "again.py" in line
    assert "there is a model named 'mynet' already" in line


def install(folder: Path, name: str) -> None:
    """As pip does: a module, and beside it what its package brings."""
    (folder / f"{name}.py").write_text("")
    package = folder / f"{name}-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[advsweep.plugins]\n{name} = {name}\n")
    os.utime(folder, (len(list(folder.iterdir())),) * 2)


def list_loaded(folder: Path) -> list[list[str]]:
    sys.path.append(str(folder))
    found = []
    for name in ("brought_first", "brought_later"):
        install(folder, name)
        assert load_plugins() == []
        found.append([plugin for plugin in PLUGINS.loaded if plugin.startswith("brought")])
    return found


def test_an_installed_package_brings_its_plugin_from_when_it_is_there(tmp_path: Path) -> None:
    assert run_in_child(list_loaded, tmp_path) == [["brought_first"], ["brought_first", "brought_later"]]
