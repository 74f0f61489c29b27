"""`advsweep plugins`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.children import run_in_child
from tests.support.command_line import run_here
from tests.support.plugin_texts import write_parts

pytestmark = pytest.mark.slow


def test_own_parts_stand_beside_ours_with_their_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [word for file in write_parts(tmp_path) for word in ("--plugin", str(file))]
    (tmp_path / "broken.py").write_text("1 / 0")
    monkeypatch.setenv("ADVSWEEP_PLUGINS", str(tmp_path / "broken.py"))
    ended = run_in_child(run_here, "plugins", *files, "--json")
    assert ended.code == 0, ended
    own = {(part["kind"], part["name"]): part for part in json.loads(ended.stdout) if part["source"] != "advsweep"}
    assert own.keys() == {
        ("model", "tiny_cnn"), ("data set", "stripes"), ("attack", "darken"), ("objective", "margin"),
        ("importance", "spread"), ("generator", "dim"),
    }  # fmt: skip
    assert own["model", "tiny_cnn"]["source"] == "lab_model"
    assert own["model", "tiny_cnn"]["version"].startswith("sha256 ")
    assert "broken.py: ZeroDivisionError: division by zero" in ended.stderr


def test_what_a_plugin_prints_is_no_part_of_the_answer(tmp_path: Path) -> None:
    """While it is imported, and while its parts are asked in this process."""
    (tmp_path / "loud.py").write_text(
        "import advsweep, torch\nprint('imported')\n\n"
        "@advsweep.dataset('noise')\ndef noise(settings, folder):\n    print('loaded')\n"
        "    pixels, labels = torch.zeros(40, 1, 8, 8, dtype=torch.uint8), torch.arange(40) % 2\n"
        "    return (pixels[:20], labels[:20]), (pixels[20:], labels[20:]), ('a', 'b')\n"
    )
    asked = ["plan", "--space", "smoke", "--set", "dataset={name: noise}", "--plugin", str(tmp_path / "loud.py")]
    ended = run_in_child(run_here, *asked, "--storage", tmp_path / "none", "--json")
    assert ended.code == 0, ended
    assert json.loads(ended.stdout)["trials"] > 0
    assert "imported" in ended.stderr
    assert "loaded" in ended.stderr
