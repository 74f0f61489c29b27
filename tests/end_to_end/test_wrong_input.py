"""What a user mistypes is one message and exit code 2; nothing is started, nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import Ended, list_tree, run_here

SPACE = "dataset: {name: digits}\nmodel: {name: resnet8}\nattack: {name: fgsm, eps: 0.1}\n"


def refused(folder: Path, *arguments: str | Path) -> Ended:
    """The command, which has to be refused with one message and without a trace on the disk."""
    before = list_tree(folder)
    ended = run_here(*arguments)
    assert ended.code == 2, ended
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("error: "), ended.stderr
    assert list_tree(folder) == before
    return ended


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 16)]
)
"""1 kB that stands for 10^16 values."""

SPACE_FILES = {
    "impossible date": (f"{SPACE}seed: 2001-99-99\n", "seed = '2001-99-99'"),
    "date": (f"{SPACE}description: 2001-12-14t21:59:43.10-05:00\nseed: x\n", "seed = 'x'"),
    "int tag": (f"{SPACE}seed: !!int x\n", "tags such as tag:yaml.org,2002:int are not known"),
    "timestamp tag": (f"{SPACE}seed: !!timestamp x\n", "not valid YAML in line 4"),
    "binary tag": (f"{SPACE}seed: !!binary ====\n", "not valid YAML in line 4"),
    "set tag": (f"{SPACE}seed: !!set [1]\n", "not valid YAML in line 4"),
    "own tag": (f"{SPACE}seed: !own 1\n", "not valid YAML in line 4"),
    "5,000 digits": (f"{SPACE}seed: {'9' * 5000}\n", "a number has 5,000 characters; the most is 100"),
    "minus 5,000 digits": (f"{SPACE}seed: -{'9' * 5000}\n", "a number has 5,001 characters"),
    "5,000 digits in a grid": (f"{SPACE}seed: {{grid_search: [{'9' * 5000}]}}\n", "a number has 5,000 characters"),
    "99 digits": (f"{SPACE}seed: {'9' * 99}\n", "is too large for a whole number of 64 bits"),
    "infinite": (f"{SPACE}seed: 1e999\n", "1e999 is too large for a number"),
    "empty binary number": (f"{SPACE}seed: 0b_\n", "seed = '0b_': is not a whole number"),
    "empty hexadecimal number": (f"{SPACE}seed: 0x_\n", "seed = '0x_': is not a whole number"),
    "cyclic list": (f"{SPACE}seed: &a [*a]\n", "the alias *a stands inside of what it names"),
    "cyclic map": (f"{SPACE}train: &a {{x: *a}}\n", "the alias *a stands inside of what it names"),
    "cyclic root": ("&a\nmodel: *a\n", "the alias *a stands inside of what it names"),
    "cyclic grid": (f"{SPACE}seed: &a {{grid_search: [*a]}}\n", "the alias *a stands inside of what it names"),
    "unknown alias": (f"{SPACE}seed: *nothing\n", "the alias *nothing names nothing above it"),
    **{
        f"{levels:,} deep": (f"{SPACE}seed: {nested(levels)}\n", "more than 50 lists and mappings inside each other")
        for levels in (300, 3000, 100_000)
    },
    "3,000 maps deep": (SPACE + "seed: " + "{a: " * 3000, "more than 50 lists and mappings inside each other"),
    "300 blocks deep": ("\n".join(" " * level + "a:" for level in range(300)), "more than 50 lists and mappings"),
    "aliases deep": (
        SPACE + "a: &a " + nested(49) + "\nb: [[*a]]\n",
        "more than 50 lists and mappings inside each other",
    ),
    "alias bomb": (BOMB, "more than 200,000 values, aliases expanded"),
    "bomb of merges": (
        BOMB.replace("[", "{<<: [").replace("]", "]}").replace("x", "{y: 1}"),
        "more than 200,000 values",
    ),
    "escape beyond Unicode": (f'{SPACE}description: "\\UFFFFFFFF"\n', "not valid YAML"),
    "half a character": (f'{SPACE}description: "\\uD800"\n', "a character that no text can hold"),
    "zero byte": (f'dataset: {{name: digits, root: "\\0"}}\n{SPACE}', "a character that no text can hold"),
    "directive": (f"%YAML {'9' * 5000}.1\n---\n{SPACE}", "not valid YAML"),
    "two documents": (f"{SPACE}---\n{SPACE}", "a second document begins"),
    "list as a key": (f"{SPACE}? [a]\n: 1\n", "a key is a text"),
    "bell": (f"{SPACE}description: \a\n", "special characters are not allowed"),
    "too long a path": (SPACE.replace("digits", f"digits, root: {'a' * 300}"), "dataset.root = "),
    "path of nobody": (SPACE.replace("digits", "digits, root: ~nouser/x"), "there is no home folder of that user"),
    "weights of nobody": (SPACE.replace("resnet8", "resnet8, weights: ~nouser/x"), "model.weights = '~nouser/x'"),
    "too long weights": (SPACE.replace("resnet8", f"resnet8, weights: {'a' * 300}"), "model.weights = "),
    "weights that are a folder": (SPACE.replace("resnet8", "resnet8, weights: ."), "is no regular file"),
}


@pytest.mark.parametrize("name", SPACE_FILES)
def test_a_wrong_space_file(name: str, tmp_path: Path) -> None:
    text, message = SPACE_FILES[name]
    file = tmp_path / "space.yaml"
    file.write_text(text)
    assert message in refused(tmp_path, "launch", "--space", file, "--storage", tmp_path / "storage").stderr


OPTIONS = {
    "half an IPv6 address": (["--address", "http://[::1"], "--address http://[::1: write it as"),
    "port beyond all": (["--address", "http://head:99999999"], "write it as"),
    "address with a line break": (["--address", "http://head\n:1"], "write it as"),
    "int tag": (["--set", "seed=!!int x"], "not valid YAML in line 1: tags"),
    "impossible date": (["--set", "seed=2001-99-99"], "seed = '2001-99-99'"),
    "3,000 lists": (["--set", f"seed={'[' * 3000}"], "more than 50 lists and mappings inside each other"),
    "cyclic list": (["--set", "seed=&a [*a]"], "the alias *a stands inside of what it names"),
    "5,000 digits": (["--set", f"seed={'9' * 5000}"], "a number has 5,000 characters"),
    "beyond a column": (["--set", "seed=9223372036854775808"], "is too large for a whole number of 64 bits"),
    "not UTF-8": (["--set", "description=\udcff"], "not valid YAML"),
    "path without end": (["--set", f"{'a.' * 3000}a=1"], "write it as path.to.setting=value"),
    "superscript place": (["--set", "attack.²=1"], "write it as path.to.setting=value"),
    "place without end": (["--set", f"attack.{'9' * 5000}=1"], "write it as path.to.setting=value"),
    "space without end": (["--space", "a" * 300], "--space"),
    "space of a folder": (["--space", "."], "--space .: is a folder: name a YAML file"),
    "space with a zero byte": (["--space", "a\0b"], "holds a zero byte"),
    "space of nobody": (["--space", "~nouser/x.yaml"], "there is no home folder of that user"),
    "data of nobody": (["--data-dir", "~nouser/x", "--set", "dataset={name: mnist}"], "no home folder of that user"),
    "data without end": (["--data-dir", "a" * 300, "--set", "dataset={name: mnist}"], "is too long"),
    "data of a file": (["--data-dir", "/etc/passwd", "--set", "dataset={name: mnist}"], "is no folder"),
    "time-out without end": (["--timeout", f"train={'9' * 5000}"], "--timeout"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_wrong_option(name: str, tmp_path: Path) -> None:
    arguments, message = OPTIONS[name]
    space = [] if "--space" in arguments else ["--space", "smoke"]
    assert message in refused(tmp_path, "launch", *space, *arguments, "--storage", tmp_path / "storage").stderr


STORAGES = {
    "s3://": "name a bucket",
    "gs://": "name a bucket",
    "s3://bucket/a/../b": "is no place",
    "s3://bucket/%00": "is no place",
    "file:///x/%00": "is no place",
    "file://": "--storage",
    "http://[::1": "--storage",
    "ftp://host/x": "did you mean",
    "~nouser/x": "there is no home folder of that user",
    "a" * 300: "is too long",
    "a/" * 3000: "is too long",
    "a\0b": "holds a zero byte",
    "": "is empty",
    "\udcff": "is not UTF-8",
}


@pytest.mark.parametrize("command", ["launch", "plan", "status", "clean"])
@pytest.mark.parametrize("storage", STORAGES, ids=lambda storage: repr(storage[:20]))
def test_a_wrong_storage(command: str, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space = ["--space", "smoke"] if command in ("launch", "plan") else []
    assert STORAGES[storage] in refused(tmp_path, command, *space, "--storage", storage).stderr


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    size = ["--set", "image_size=32"]
    for name in ("mnist", "cifar10", "svhn", "animals10"):
        assert "is no folder" in refused(tmp_path, "data", "prepare", name, "--data-dir", "/etc/passwd", *size).stderr


@pytest.mark.slow
def test_twenty_thousand_unknown_settings(tmp_path: Path) -> None:
    unknown = "".join(f"key{n}: 1\n" for n in range(20_000))
    section = "".join(f"  key{n}: 1\n" for n in range(20_000))
    for text in (SPACE + unknown, f"{SPACE}train:\n{section}"):
        file = tmp_path / "space.yaml"
        file.write_text(text)
        shown = refused(tmp_path, "plan", "--space", file).stderr
        assert "more than 100 problems" in shown
        assert len(shown.splitlines()) == 102
    grid = f"{SPACE}train: {{grid_search: [{', '.join('{epoch: 1}' for _ in range(20_000))}]}}\n"
    file.write_text(grid)
    assert "did you mean 'epochs'" in refused(tmp_path, "plan", "--space", file).stderr


def test_the_number_of_trials_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = "{grid_search: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}"
    nested_grid = ", ".join(f"k{n}: {grid}" for n in range(400))
    options = ["--set", f"train={{{nested_grid}}}"]
    assert "smoke.yaml: about 10^401 trials" in refused(tmp_path, "plan", "--space", "smoke", *options).stderr
    monkeypatch.setenv("ADVSWEEP_MOST_TRIALS", "9")
    options = ["--set", f"seed={grid}", "--set", "attack.steps=1"]
    shown = refused(tmp_path, "plan", "--space", "smoke", *options).stderr
    assert "trials; a space may have 9, ADVSWEEP_MOST_TRIALS says otherwise" in shown
    monkeypatch.setenv("ADVSWEEP_MOST_TRIALS", "many")
    assert "is not a number of trials" in refused(tmp_path, "plan", "--space", "smoke").stderr


def test_a_defect_of_ours_is_shown_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr(json, "dumps", fail)
    ended = run_here("spaces", "--json")
    assert ended.code == 1
    assert "Traceback" in ended.stderr
    assert "this is a defect of advsweep: please report it" in ended.stderr
