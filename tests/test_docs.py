"""Every file, folder and page that the documents name is there, in a checkout and on PyPI."""

from __future__ import annotations

import html
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.space.space import load
from tasks import __version__
from tests.support.checkout import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCUMENTS = [
    ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "docs/images/architecture.dot")
] + sorted((ROOT / "docs").glob("*.md"))
NAMED = re.compile(
    r"(?<![\w./<>-])(?:advsweep|orchestrator|tasks|tests|benchmarks|docs|search_spaces)/[\w./-]*[\w/]"
    r"|(?<![\w./-])(?:orchestrator|tasks|tests|benchmarks)(?:\.[a-z_0-9]+)+(?![\w/])"
)
LINK = re.compile(r"(!?)\[[^\[\]]*\]\(([^)\s]+)\)")


def is_there(name: str) -> bool:
    """Whether a path, or a module with perhaps a name in it, is of this checkout; `NAME` stands for any."""
    if "/" in name:
        return any(ROOT.glob(name.rstrip("/").replace("NAME", "*")))
    parts = name.split(".")
    return any(
        (ROOT / Path(*parts[:end])).is_dir() or (ROOT / Path(*parts[:end])).with_suffix(".py").is_file()
        for end in (len(parts), len(parts) - 1)
    )


def list_missing(text: str, folder: Path) -> list[str]:
    """What a document of that folder names and what is not there."""
    links = [target.partition("#")[0] for _, target in LINK.findall(text) if "://" not in target]
    missing = [target for target in links if target and not (folder / target).exists()]
    return missing + [name for name in NAMED.findall(text) if not is_there(name)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_is_there(document: Path) -> None:
    assert list_missing(document.read_text(), document.parent) == []


def list_launches(text: str) -> list[tuple[str, list[str]]]:
    """Space and overrides of every launch that stands on lines of its own, without those that bring a plugin."""
    found = []
    for line in re.findall(r"^advsweep launch --space .*$", text.replace("\\\n", " "), re.MULTILINE):
        words = shlex.split(line, comments=True)
        name = words[words.index("--space") + 1]
        overrides = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
        if "--plugin" not in words and not name.endswith(".yaml"):
            found.append((name, overrides))
    return found


def test_every_launch_that_a_document_shows_makes_trials() -> None:
    launches = [launch for document in DOCUMENTS for launch in list_launches(document.read_text())]
    assert len({name for name, _ in launches}) >= 8
    for name, overrides in launches:
        assert load(name, overrides).trials, (name, overrides)


def test_what_is_not_there_is_found() -> None:
    text = "`tasks/keys.py` `tasks/nothing.py` [x](docs/faults.md#a) ![y](docs/gone.svg) `tasks/attacks/NAME/craft.py`"
    text += " python -m benchmarks.attack, tasks.keys.hash_json, tasks.keyz.hash_json, `orchestrator/gone/`"
    assert list_missing(text, ROOT) == ["docs/gone.svg", "tasks/nothing.py", "docs/gone.svg", "tasks.keyz.hash_json",
                                        "orchestrator/gone/"]  # fmt: skip


def read_project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return found


def test_the_readme_of_pypi_has_no_relative_link() -> None:
    """Links of the README are relative, so that they work in a checkout; a build makes them absolute."""
    project, text = read_project(), (ROOT / "README.md").read_text()
    relative = [target for _, target in LINK.findall(text) if "://" not in target]
    assert "docs/attacks.md" in relative
    for change in project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    links = LINK.findall(text)
    assert [target for _, target in links if "://" not in target] == []
    home = project["project"]["urls"]["Homepage"]
    pages = [target for is_image, target in links if not is_image]
    assert f"{home}/blob/main/docs/attacks.md" in pages
    assert [target for is_image, target in links if is_image] == [
        f"{home.replace('github.com', 'raw.githubusercontent.com')}/main/docs/images/digits_tradeoff.png"
    ]


def test_the_citation_is_that_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = read_project()["project"]
    assert citation["version"] == __version__
    assert f"## {__version__} - {citation['date-released']}" in (ROOT / "CHANGELOG.md").read_text()
    assert citation["repository-code"] == project["urls"]["Homepage"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in project["authors"]]
    assert citation["license"] == project["license"]


def test_the_picture_names_what_its_text_names() -> None:
    labels = re.findall(r'label="([^"]+)"', (ROOT / "docs/images/architecture.dot").read_text())
    drawn = html.unescape((ROOT / "docs/images/architecture.svg").read_text())
    assert len(labels) > 20
    assert [line for label in labels for line in label.split("\\n") if f">{line}</text>" not in drawn] == []


@pytest.mark.parametrize("target", ["check", "test", "fast", "house"])
def test_a_target_of_the_makefile_runs_what_is_there(target: str) -> None:
    """The commands are printed, not run: this very suite is one of them."""
    shown = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    modules = re.findall(r"python -m ([\w.]+)", shown)
    assert modules
    assert {module for module in modules if not is_there(module)} <= {"ruff", "mypy", "pytest"}
