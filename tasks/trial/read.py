"""Read one trial, from a file or from its row."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.errors import ProblemsError
from tasks.settings import Settings
from tasks.settings_problems import describe_problems
from tasks.settings_rules import find_idle
from tasks.trial.row import Row
from tasks.trial.trial import Trial, find_unseen_defence
from tasks.yaml_files import NOT_SETTINGS, read_mapping


def read_trial(path: Path) -> Trial:
    """One resolved configuration.

    :raises UsageError: with every mistake of the file, and everything in it that cannot matter.
    """
    content = {name: value for name, value in read_mapping(path).items() if name not in NOT_SETTINGS}
    trial = _validate(content, str(path))
    sections = {name: getattr(trial, name) for name in Trial.model_fields}
    idle = [find_idle([part], name) for name, part in sections.items() if isinstance(part, Settings)]
    found = [*itertools.chain(*idle), *find_unseen_defence([trial.attack], [trial.inference])]
    if found:
        raise ProblemsError(str(path), found)
    return trial


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
