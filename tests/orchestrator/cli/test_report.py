"""`advsweep report`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.orchestrator.cli.conftest import Finished


@pytest.mark.slow
def test_a_page_and_the_figures_that_were_asked_for(finished: Finished, tmp_path: Path) -> None:
    out = tmp_path / "page"
    told = json.loads(finished.ask("report", "four", "--out", out, "--formats", "svg", "--json").stdout)
    assert Path(told["page"]).is_file()
    assert {Path(file).suffix for file in told["files"]} == {".html", ".svg"}
    assert all((out / file).is_file() for file in told["files"])
    alone = finished.ask("report", "four", "--out", tmp_path / "alone").stdout
    assert [file.name for file in (tmp_path / "alone").iterdir()] == ["report.html"]
    assert "--formats svg,pdf,png" in alone, "how to get more"
    refused = finished.ask("report", "four", "--out", tmp_path / "other", "--formats", "gif", code=2)
    assert "--formats gif: choose from" in refused.stderr
    assert not (tmp_path / "other").exists()


def test_a_report_that_fails_leaves_no_folder(finished: Finished, tmp_path: Path) -> None:
    refused = finished.ask("report", "four", "--out", tmp_path / "new" / "page", "--figure", "nonsense", code=2)
    assert "nonsense" in refused.stderr
    assert list(tmp_path.iterdir()) == []
