"""What W&B runs are called: by the settings that vary in the sweep, as short as a list of runs has room for."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.results.tradeoff import (
    AXES,
    find_shown_paths,
    find_varying_axes,
    format_column,
    list_leaf_settings,
)
from orchestrator.store.identifiers import shorten_ids
from tasks.trial.row import Row

SHORT = {
    "pruning_ratio": "p", "lambda": "l", "train_attack": "by ", "eps_train": "et", "train_steps": "nt",
    "attack_eps": "e", "attack_steps": "n", "attack_surrogate": "from ",
}  # fmt: skip
"""Before the value; other columns name themselves by their values."""
LONGEST = 128
"""Characters of a name that W&B takes."""


def make_run_names(rows: Sequence[Row]) -> dict[str, str]:
    """Trial id -> `p0.4 l0.9 et8/255 e16/255 n20 s1 3f0a912`: what varies, the seed, the short id.

    :param rows: of every trial of the sweep, finished or not.
    """
    axes, short = find_varying_axes(rows), shorten_ids(row["trial_id"] for row in rows)
    labels = [(row["seed"], *(row[axis] for axis in AXES)) for row in rows]
    leaves = [list_leaf_settings(json.loads(row["config"])) for row in rows]
    paths = find_shown_paths(labels, leaves)
    names = {}
    for place, row in enumerate(rows):
        parts = [f"{SHORT.get(axis, '')}{format_column(axis, row)}" for axis in axes if row[axis] is not None]
        found = [(path, leaves[place].get(path)) for path in paths]
        parts += [f"{path.rpartition('.')[2]} {value}" for path, value in found if value is not None]
        ending = f"s{row['seed']} {short[row['trial_id']]}"
        names[row["trial_id"]] = " ".join([" ".join(parts)[: LONGEST - len(ending) - 1], ending]).strip()
    return names
