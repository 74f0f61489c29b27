"""Read one trial from a file."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from tasks.errors import ProblemsError
from tasks.settings_problems import describe_problems
from tasks.trial.trial import Trial
from tasks.yaml_files import NOT_SETTINGS, read_mapping


def read_trial(path: Path) -> Trial:
    """One resolved configuration.

    :raises UsageError: with every mistake of the file.
    """
    content = {name: value for name, value in read_mapping(path).items() if name not in NOT_SETTINGS}
    try:
        return Trial.model_validate(content)
    except ValidationError as error:
        raise ProblemsError(str(path), describe_problems(error, Trial, "")) from error
