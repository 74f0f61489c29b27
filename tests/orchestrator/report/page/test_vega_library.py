"""The script that draws the figures of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.report.page import vega_library
from orchestrator.report.page.vega_library import bundle_vega, load_vega


def test_the_script_is_put_together_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVSWEEP_CACHE", str(tmp_path))
    made: list[str] = []

    def count() -> str:
        made.append("window.vegaEmbed=1")
        return made[-1]

    monkeypatch.setattr(vega_library, bundle_vega.__name__, count)
    assert load_vega() == load_vega() == "window.vegaEmbed=1"
    assert len(made) == 1
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"\xff\xfe")
    assert load_vega() == "window.vegaEmbed=1"
    assert len(made) == 2, "what cannot be read is made again"


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ADVSWEEP_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(vega_library, bundle_vega.__name__, lambda: "script")
    assert load_vega() == "script"


@pytest.mark.slow
def test_the_script_cannot_end_its_element() -> None:
    script = bundle_vega()
    assert "vegaEmbed" in script
    assert "</script" not in script
    assert "<!--" not in script
