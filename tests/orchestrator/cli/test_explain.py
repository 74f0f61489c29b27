"""`advsweep explain`."""

from __future__ import annotations

import csv
import io
import json

from tests.orchestrator.cli.conftest import Finished


def test_each_stage_says_where_it_is_from(finished: Finished) -> None:
    planned = next(planned for planned in finished.plan.trials if len(planned.chain) == 3)
    lines = json.loads(finished.ask("explain", planned.trial_id[:6], "--json").stdout)
    assert [(line["kind"], line["key"], line["stored"]) for line in lines] == [
        (stage.kind, stage.key, True) for stage in planned.chain
    ]
    assert all(line["reason"].startswith("computed by this sweep at ") for line in lines)
    read = csv.DictReader(io.StringIO(finished.ask("explain", planned.trial_id, "--format", "csv").stdout))
    assert [line["reason"] for line in read] == [line["reason"] for line in lines]
    header, _, *shown = finished.ask("explain", planned.trial_id).stdout.splitlines()
    assert header.split() == ["stage", "key", "why"]
    assert [line.split()[:2] for line in shown] == [[stage.kind, stage.key[:12]] for stage in planned.chain]


def test_a_trial_that_is_not_there(finished: Finished) -> None:
    assert "there is no trial 'zzz'" in finished.ask("explain", "zzz", code=2).stderr
