"""What the page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.store.sweep_store import SweepStore
from tests.support.report_data import GRID, WITHOUT_TUNING, made_up
from tests.support.report_page import HOSTILE, Page, page_of

ONE_SEED = {**GRID, "seed": 0}
"""60 trials of ten configurations."""
TWELVE = {**WITHOUT_TUNING, "seed": 0}
"""Of two."""
STRONGEST = {**GRID["attack"], "steps": 10}
"""One attack of three budgets."""


@pytest.fixture(scope="module")
def made_page(made_sweep: SweepStore, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of the made-up sweep."""
    return page_of([made_sweep], tmp_path_factory.mktemp("page"))


def test_the_page_answers_and_asks_no_server_for_anything(made_page: Page) -> None:
    page = made_page
    assert "Best compromise: pruning ratio 0, lambda" in page.text
    assert "At least 93 % clean" in page.text
    assert "180 of 180 trials finished" in page.text
    assert len(page.payload["studies"][0]["configs"]) == 10
    for tag, attributes in page.tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    assert "default-src 'none'" in str(page.tags)


def test_every_panel_of_every_figure_has_its_place(made_page: Page) -> None:
    places = [(a["data-figure"], a["data-panel"]) for _, a in made_page.tags if "data-figure" in a]
    figures = made_page.payload["studies"][0]["figures"]
    assert sorted(places, key=str) == sorted(
        ((name, str(panel)) for name, panels in figures.items() for panel in range(len(panels))), key=str
    )


def test_the_page_says_what_was_run(made_page: Page) -> None:
    text = made_page.text
    for part in (
        "advsweep launch --space made.yaml",
        "resnet8",
        "digits, 16 x 16 pixels",
        "01 Jan 2026",
        "Made by advsweep",
    ):
        assert part in text
    assert "grid_search:" in text, "the search space itself"


def test_a_suspicious_number_says_so_wherever_it_stands(tmp_path: Path) -> None:
    """The budget of 32/255 leaves more images robust than the smaller ones: no attack does that."""
    sweep = made_up(
        tmp_path / "s", WITHOUT_TUNING, images=False,
        rule=lambda row: (0.9, 0.8 - row["pruning_ratio"] if row["attack_eps"] > 0.1 else 0.3),
    )  # fmt: skip
    page = page_of([sweep], tmp_path / "out")
    assert "(mean of 3 seeds, standard deviation 0.0 points and 0.0 points). suspicious" in page.text, "in the answer"
    assert "robust accuracies are suspicious; such as" in page.text, "in the captions of figures"
    assert any(page.payload["studies"][0]["tables"]["trials"]["reason"]["levels"]), "with a reason in the tooltips"
    assert "robust. suspicious" in page.text, "in the list of minima, behind the sentence"
    assert "suspicious" in page.payload["studies"][0]["tables"]["cells"]["verdict"]["levels"], "in the table"


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (TWELVE, {"finished": lambda _: False, "failed": lambda _: True}, "12 trials failed"),
        (TWELVE, {"finished": lambda _: False}, "No finished trials"),
        (
            {**ONE_SEED, "attack": {"name": "fgsm", "eps": {"grid_search": ["8/255", "32/255"]}}},
            {"finished": lambda place: place % 3 == 0, "failed": lambda place: place % 7 == 1},
            "not run yet",
        ),
        (TWELVE, {"finished": lambda place: place == 0}, "1 of 12 trials finished"),
        ({**WITHOUT_TUNING, "attack": STRONGEST}, {}, "pruning ratio 0 → 0.4"),
        ({**WITHOUT_TUNING, "attack": {"name": "jsma", "examples": 50}}, {}, "no bound"),
    ],
    ids=["all failed", "none run", "unfinished", "one trial", "no fine-tuning", "unbounded"],
)
def test_reports_of_all_kinds_of_sweeps(
    content: dict[str, Any], options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    page = page_of([made_up(tmp_path / "s", content, images=False, **options)], tmp_path / "out", ("svg",))
    assert says in page.text
    assert "{{" not in page.text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    reference = [{"match": {"lambda": 0.5}, "robust_accuracy": 0.5, "source": HOSTILE}]
    attack = {**GRID["attack"], "eps": "16/255"}
    content = {**ONE_SEED, "attack": attack, "description": HOSTILE, "reference": reference}
    sweep = made_up(tmp_path / "s", content, HOSTILE, images=False, failed=lambda place: place == 7)
    page = page_of([sweep], tmp_path / "out", ("svg",))
    assert [tag for tag, attributes in page.tags if tag == "img" or "onerror" in attributes] == []
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 3
    assert "<img src=x onerror=window.hacked=1>" in page.text, "shown as it is"
    assert "{{7*7}}" in page.text, "not a template"
    assert "out of <b>memory</b>" in page.text
    assert page.payload["sweeps"] == [HOSTILE]
    assert "Paper beside measured" in page.text
    assert "robust accuracy 50.00 %" in page.text, "the paper's number"
    assert "<script" not in (tmp_path / "out" / "tradeoff.svg").read_text("utf-8")


def test_accuracy_among_images_that_were_right_before_says_so(tmp_path: Path) -> None:
    attack = {"name": "ifgsm", "eps": "8/255", "steps": 1, "only_correct": True}
    content = {**WITHOUT_TUNING, "seed": 0, "attack": attack}
    sweep = made_up(tmp_path / "s", content, images=False, rule=lambda _: (1.0, 0.5))
    assert "those that the model classifies correctly without an attack" in page_of([sweep], tmp_path / "out").text
