"""Read one trial, from a file or from its row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.errors import ProblemsError
from tasks.settings_problems import describe_problems
from tasks.trial.row import Row
from tasks.trial.trial import Trial
from tasks.yaml_files import NOT_SETTINGS, read_mapping


def read_trial(path: Path) -> Trial:
    """One resolved configuration.

    :raises UsageError: with every mistake of the file.
    """
    return _validate({name: value for name, value in read_mapping(path).items() if name not in NOT_SETTINGS}, str(path))


def read_row(row: Row) -> Trial:
    """The configuration of the trial that a row is of.

    :raises UsageError: it names parts that are not known here, such as those of a plugin that was not given.
    """
    return _validate(json.loads(row["config"]), f"trial {row['trial_id']} (are its parts a plugin's? give --plugin)")


def _validate(content: dict[str, Any], source: str) -> Trial:
    try:
        return Trial.model_validate(content)
    except ValidationError as error:
        raise ProblemsError(source, describe_problems(error, Trial, "")) from error
