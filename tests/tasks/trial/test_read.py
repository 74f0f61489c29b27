"""One trial out of a file or a row, with every mistake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.errors import ProblemsError
from tasks.trial.read import read_row, read_trial
from tasks.trial.row import make_failed_row
from tests.conftest import CONFIG
from tests.support.small import stages_of, trial


def test_a_file_is_read_without_what_is_no_setting_of_a_trial(tmp_path: Path) -> None:
    file = tmp_path / "trial.yaml"
    beside: dict[str, Any] = {name: {} for name in ("reference", "claims", "figures", "resources", "timeouts")}
    file.write_text(yaml.safe_dump({**CONFIG, **beside, "description": "mine"}))
    assert read_trial(file).document()["train"]["epochs"] == 2
    file.write_text(yaml.safe_dump({**CONFIG, "seed": -1, "trian": {}}))
    with pytest.raises(ProblemsError) as caught:
        read_trial(file)
    assert caught.value.source == str(file)
    assert [problem.path for problem in caught.value.problems] == ["seed", "trian"]


def test_what_cannot_matter_in_a_file_is_refused_with_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "trial.yaml"
    attack = {**CONFIG["attack"], "adaptive": False}  # type: ignore[dict-item]
    file.write_text(yaml.safe_dump({**CONFIG, "prune": {"ratio": 0.5, "ramp": 0.5}, "attack": attack}))
    with pytest.raises(ProblemsError) as caught:
        read_trial(file)
    assert [*map(str, caught.value.problems)] == [
        "prune.ramp = 0.5: cannot matter here: it is about schedule: cubic",
        "attack.adaptive = false: cannot matter here: no `inference` puts anything before the model",
    ]


def test_a_row_is_read_as_the_trial_that_it_is_of() -> None:
    asked = trial(prune={"ratio": 0.3})
    row = make_failed_row(asked, stages_of(asked), "")
    assert read_row(row) == asked
    other = json.loads(row["config"])
    other["model"]["name"] = "mine"
    with pytest.raises(
        ProblemsError, match=rf"^trial {asked.trial_id} \(are its parts a plugin's\? give --plugin\): 1 p"
    ):
        read_row(row | {"config": json.dumps(other)})
