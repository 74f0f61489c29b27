"""What W&B runs are called."""

from __future__ import annotations

import json

from orchestrator.tracking.run_names import LONGEST, make_run_names
from tests.support.rows import ifgsm


def test_a_run_is_named_by_what_varies_in_its_sweep() -> None:
    rows = [
        {**ifgsm("8/255", 10, 400), "lambda": 1.0, "train_attack": "fgsm", "eps_train": 0.01},
        {**ifgsm("8/255", 20, 400), "lambda": 1.0, "train_attack": "jsma", "eps_train": None},
        {**ifgsm("16/255", 20, 400), "lambda": None, "train_attack": None, "eps_train": None, "seed": 3},
    ]
    first, second, third = (row["trial_id"][:7] for row in rows)
    assert list(make_run_names(rows).values()) == [
        f"l1 by fgsm et0.01 e8/255 n10 s0 {first}",
        f"l1 by jsma e8/255 n20 s0 {second}",
        f"e16/255 n20 s3 {third}",
    ]
    assert make_run_names(rows[:1]) == {rows[0]["trial_id"]: f"s0 {first}"}


def test_settings_that_no_column_shows_name_runs_that_are_alike_and_names_stay_short() -> None:
    row = ifgsm("8/255", 10, 400)
    other = {**row, "trial_id": "f" * 16, "config": row["config"].replace('"epochs":2', '"epochs":9')}
    assert other["config"] != row["config"]
    assert make_run_names([row, other])["f" * 16] == "epochs 9 s0 fffffff"
    wide = [{**row, "model": "m" * 300}, {**other, "model": "n" * 300}]
    names = make_run_names(wide)
    assert {len(name) for name in names.values()} == {LONGEST}
    assert names["f" * 16].endswith("n s0 fffffff")


def test_a_stage_setting_that_varies_is_named_beside_a_column_that_tells_the_runs_apart() -> None:
    """Layers that are pruned, beside the ratio: a reader cannot know one from the other."""
    row = ifgsm("8/255", 10, 400)
    sections = {"d": {"ratio": 0.2, "scope": "layer2"}, "e": {"ratio": 0.4, "scope": "all"}}
    rows = [
        {**row, "trial_id": name * 16, "pruning_ratio": section["ratio"]}
        | {"config": json.dumps({**json.loads(row["config"]), "prune": section})}
        for name, section in sections.items()
    ]
    assert list(make_run_names(rows).values()) == ["p0.2 scope layer2 s0 ddddddd", "p0.4 scope all s0 eeeeeee"]


def test_a_setting_that_a_trial_has_not_is_no_part_of_its_name() -> None:
    row = ifgsm("8/255", 10, 400)
    sections = {"d": None, "e": {"mode": "mask"}, "f": {"mode": "remove"}}
    config = json.loads(row["config"])
    rows = [
        {**row, "trial_id": name * 16, "config": json.dumps({**config, "prune": section})}
        for name, section in sections.items()
    ]
    assert list(make_run_names(rows).values()) == ["s0 ddddddd", "mode mask s0 eeeeeee", "mode remove s0 fffffff"]
