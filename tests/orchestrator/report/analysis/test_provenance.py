"""Where the numbers come from."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from orchestrator.report.analysis import provenance
from orchestrator.report.analysis.provenance import describe_provenance
from orchestrator.space.space import list_shipped
from tasks import paths
from tasks.errors import UsageError
from tasks.yaml_files import read_mapping
from tests.support.report_data import WITHOUT_TUNING, made_up


@pytest.mark.parametrize(
    ("change", "command"),
    [({}, "advsweep launch --space digits"), ({"seed": 5}, "advsweep launch --space digits.yaml")],
    ids=["as shipped", "with another seed"],
)
def test_the_command_names_a_shipped_space_only_where_nothing_was_changed(
    change: dict[str, int], command: str, tmp_path: Path
) -> None:
    content = read_mapping(list_shipped()["digits"])
    sweep = made_up(tmp_path, {**content, **change}, "digits", images=False, finished=lambda place: place == 0)
    found = describe_provenance(sweep, sweep.plan(), sweep.rows())
    assert found.command == command
    assert f"seed: {change['seed']}" in found.space if change else "seed: 5" not in found.space


def test_models_data_and_dates_are_those_of_the_finished_trials(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING, images=False)
    found = describe_provenance(sweep, sweep.plan(), sweep.rows())
    assert (found.models, found.devices, found.day) == ("resnet8", "cpu", "01 Jan 2026")
    assert found.period == "01 Jan 2026 00:00 to 01 Jan 2026 00:00 UTC"
    plan = sweep.plan()
    fingerprint = plan["stages"][sweep.rows()[0]["attack_key"]]["data"]
    assert found.data == f"digits, 16 x 16 pixels, {fingerprint[:12]}"


def test_the_period_spans_all_trials_in_whatever_order_they_stand(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING, images=False)
    days = [(5, 6), (2, 9), (4, 7)]
    rows = [
        row | {name: datetime(2026, 1, day, tzinfo=timezone.utc)
               for name, day in zip(("started_at", "finished_at"), span, strict=True)}
        for row, span in zip(sweep.rows(), days, strict=False)
    ]  # fmt: skip
    found = describe_provenance(sweep, sweep.plan(), rows)
    assert (found.period, found.day) == ("02 Jan 2026 00:00 to 09 Jan 2026 00:00 UTC", "09 Jan 2026")


def test_nothing_finished_has_no_dates(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING, images=False, finished=lambda _: False)
    found = describe_provenance(sweep, sweep.plan(), sweep.rows())
    assert (found.models, found.period, found.day, found.versions) == ("-",) * 4


def test_a_space_that_cannot_be_read_is_no_text_and_no_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING, images=False, finished=lambda place: place == 0)
    assert provenance._read_space(sweep).startswith("seed:") or "seed:" in provenance._read_space(sweep)
    sweep.storage.write(sweep.path(paths.SPACE), b"\xff")
    assert provenance._read_space(sweep) == ""
    sweep.storage.remove(sweep.path(paths.SPACE))
    assert provenance._read_space(sweep) == ""

    def refuse(name: str) -> None:
        raise UsageError(f"{name}: a plugin is not loaded")

    monkeypatch.setattr(provenance, "load", refuse)
    assert provenance._find_command("digits", "") == "advsweep launch --space digits.yaml"
