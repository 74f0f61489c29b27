"""`advsweep check-plugin`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.children import run_in_child
from tests.support.command_line import run_here
from tests.support.harness import advsweep
from tests.support.plugin_texts import write_parts

BROKEN = """
import torch
import advsweep

@advsweep.importance("careless")
def careless(weight, generator):
    return torch.rand(len(weight))

@advsweep.importance("careful")
def careful(weight, generator):
    return weight.flatten(1).abs().sum(1)
"""


@pytest.mark.slow
def test_parts_that_keep_their_promises(tmp_path: Path) -> None:
    files = {file.stem: file for file in write_parts(tmp_path)}
    for name in ("lab_importance", "lab_attack"):
        shown = advsweep("check-plugin", files[name]).stdout
        assert "promises are kept" in shown
        assert "WRONG" not in shown
    found = json.loads(advsweep("check-plugin", files["lab_attack"], "--set", "darken.eps=0.2", "--json").stdout)
    assert {(each["kind"], each["name"], each["problem"]) for each in found} == {("attack", "darken", None)}


def test_a_part_that_breaks_one_is_named_with_what_it_does(tmp_path: Path) -> None:
    (tmp_path / "lab.py").write_text(BROKEN)
    ended = run_in_child(run_here, "check-plugin", tmp_path / "lab.py")
    assert ended.code == 1
    assert "2 parts: 1 of 12 promises are broken" in ended.stdout
    assert "importance careless, scores follow from the random numbers: other scores come each time" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("1 / 0", [], "lab.py: ZeroDivisionError: division by zero"),
        ("import advsweep", [], "registers no part"),
        (BROKEN, ["--set", "carefull.x=1"], "the plugin has no part 'carefull'; choose from careful, careless; did"),
        (BROKEN, ["--set", "careful=1"], "write it as NAME.SETTING=VALUE"),
    ],
)
def test_a_request_that_cannot_be_met(text: str, options: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "lab.py").write_text(text)
    assert message in advsweep("check-plugin", tmp_path / "lab.py", *options, code=2).stderr
