"""The notebook of `examples/` runs from its first cell to its last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.harness import LIMIT

nbclient = pytest.importorskip("nbclient", reason="pip install -e '.[dev]'")
nbformat = pytest.importorskip("nbformat", reason="pip install -e '.[dev]'")

LAUNCH = 'advsweep.launch(space, name="first", storage="results", wandb="disabled"'
"""Here by one worker: a second would cost more than it does."""

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


def test_the_notebook_runs_and_shows_what_it_promises(tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / "examples" / "first_sweep.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"
    for cell in notebook.cells:
        cell.source = cell.source.replace(LAUNCH, f"{LAUNCH}, max_concurrent=1")
    assert any("max_concurrent" in cell.source for cell in notebook.cells)
    nbclient.NotebookClient(notebook, timeout=LIMIT, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    assert "8 trials share" in printed
    assert "8 trials, 8 finished, 0 failed" in printed
    shown = [output["data"] for output in outputs if "data" in output]
    assert any("8 of 8 trials finished" in data.get("text/html", "") for data in shown)
    assert any(data.get("image/svg+xml", "").startswith("<svg") for data in shown)
    assert any("torch.Size([1, 10])" in data["text/plain"] for data in shown)
