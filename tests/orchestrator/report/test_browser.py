"""Reports in headless Chromium: they open, stay silent, and answer to a hand on the mouse."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.analysis.findings import analyse_studies
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.report_data import ReportData
from orchestrator.report.figures.collection import draw_study
from orchestrator.report.write import write_report
from orchestrator.store.sweep_store import SweepStore
from tests.orchestrator.report.conftest import open_page
from tests.support.browser import Opened
from tests.support.drawn_marks import read_marks
from tests.support.lent_vega import lend_vega
from tests.support.report_data import GRID, made_up, really_run
from tests.support.small import write_images

pytestmark = pytest.mark.slow

HOSTILE = ("<img src=x onerror=window.hacked=1>", "\"'&lt;b&gt; {{7*7}} ${x} 😀", "c" * 200)
"""Names of classes."""
SPACE = "'\"><script>window.hacked=1</script></script><img src=x onerror=window.hacked=1> 😀 " + "s" * 200


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, browser: Any, made_sweep: SweepStore) -> Path:  # noqa: ARG001
    """The report of 180 trials whose numbers follow a known rule; without a browser there is none."""
    folder = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADVSWEEP_CACHE", str(folder / "cache"))
        lend_vega(os.environ)
        return Path(write_report([made_sweep], folder / "report", (), None).page)


@pytest.fixture(scope="module")
def untouched(browser: Any, report: Path) -> Iterator[Opened]:
    """The page of that report, drawn, for tests that change nothing on it."""
    opened = open_page(browser, report)
    opened.drawn()
    yield opened
    opened.page.close()


MEANS = '[data-figure="tradeoff"] .means_marks path'
TRIALS = '[data-figure="tradeoff"] .trials_marks path'
TIP = "#vg-tooltip-element"


def test_every_chart_is_drawn_in_silence_without_scrolling(report: Path, untouched: Opened) -> None:
    opened = untouched
    hosts = opened.page.locator("[data-figure]")
    assert hosts.count() == 1 + 3 + 1 + 2 + 4 + 2 + 2
    assert all(hosts.nth(place).locator("svg path").count() for place in range(hosts.count()))
    assert (opened.count(MEANS), opened.count(TRIALS)) == (10, 30)
    assert opened.page.evaluate("scrollY") == 0
    assert opened.complaints == []
    assert opened.page.evaluate("report.errors") == []
    assert opened.requests == [report.as_uri()], "it asks for nothing but itself"


def test_the_page_shows_the_numbers_of_the_files(
    untouched: Opened, made_data: ReportData, made_images: ImageRecords
) -> None:
    """Mark by mark, as both describe them."""
    (found,) = analyse_studies(made_data, made_images, None)
    layers = {"tradeoff": "means", "axes": "levels", "security_curves": "points", "heat_map": "cells",
              "confusion_matrices": "cells", "confidence": "bars", "images": "pictures"}  # fmt: skip
    for figure in draw_study(found):
        marks = read_marks(figure, layers[figure.name])
        for panel in range(len(figure.panels)):
            in_file = [str(mark.item.get("description")) for mark in marks if mark.panel == panel]
            assert in_file
            assert untouched.labels(figure.name, layers[figure.name], panel) == in_file, (figure.name, panel)


def test_a_printed_page_has_every_figure(report: Path, show: Callable[..., Opened]) -> None:
    opened = show(report)
    missing = "[...document.querySelectorAll('[data-figure]')].filter((host) => !host.querySelector('svg')).length"
    assert opened.page.evaluate(missing) == 0, "as soon as the page counts as loaded, for whoever prints it unseen"
    opened.page.emulate_media(media="print")
    charts = "[...document.querySelectorAll('.chart svg')]"
    cut = f"{charts}.filter((svg) => svg.clientWidth > svg.parentElement.clientWidth + 1).length"
    assert opened.page.evaluate(cut) == 0
    assert opened.page.evaluate(f"{charts}.filter((svg) => !svg.getBoundingClientRect().width).length") == 0
    assert opened.page.locator("select").first.is_hidden()
    assert opened.page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize(
    ("width", "height"), [(1280, 720), (1920, 1080), (950, 720), (390, 844)], ids=["desktop", "large", "small", "phone"]
)
def test_answer_and_picture_are_on_the_first_screen(
    width: int, height: int, report: Path, show: Callable[..., Opened]
) -> None:
    opened = show(report, width, height)
    opened.drawn()
    for selector in (".take", '[data-figure="tradeoff"] .means_marks'):
        box = opened.page.locator(selector).first.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height, selector
    assert opened.list_cut_legends() == []


def test_hovering_shows_a_trial_and_its_settings(untouched: Opened) -> None:
    opened = untouched
    opened.page.locator(MEANS).nth(9).hover(force=True)
    opened.page.wait_for_selector(f"{TIP}.visible")
    shown = opened.text(TIP)
    assert all(word in shown for word in ("trials", "pruning ratio", "lambda", "eps_train", "seeds", "±"))
    opened.page.mouse.move(5, 5)
    opened.page.locator(TRIALS).nth(0).hover(force=True)
    opened.page.wait_for_function(f"document.querySelector('{TIP}').innerText.includes('robust of images')")
    assert "seed" in opened.text(TIP)


def test_clicking_filters_by_an_axis(report: Path, show: Callable[..., Opened]) -> None:
    opened = show(report)
    opened.drawn()
    chip = opened.page.locator('[data-part="chips"] button', has_text="0.4")
    opened.drawn(chip.click)
    assert opened.count(MEANS) == 5
    assert opened.text('[data-part="count"]') == "90 of 180 trials"
    assert chip.get_attribute("aria-pressed") == "true"
    assert opened.count('[data-part="table"] tr') == 5
    assert {label.split("pruning ratio: ")[1].split(";")[0] for label in opened.labels("axes", "levels")} == {"0.4"}
    opened.drawn(opened.page.locator('[data-part="reset"]').click)
    assert opened.count(MEANS) == 10
    opened.page.locator(MEANS).nth(0).click(force=True)
    picked = opened.page.locator('[data-part="detail"]')
    assert "seed 0:" in picked.inner_text()
    opened.drawn(picked.locator("button").nth(0).click)
    assert opened.count(MEANS) == 5
    assert opened.complaints == []


def test_the_front_of_the_picture_is_that_of_the_table(report: Path, show: Callable[..., Opened]) -> None:
    opened = show(report)
    opened.drawn()
    weak = opened.page.locator('[data-part="attack"]')
    opened.drawn(lambda: weak.select_option(label="ifgsm, eps 8/255, 1 step"))
    ends = opened.page.locator('[data-figure="tradeoff"] .front_marks path').get_attribute("d").count("L") + 1
    assert opened.count('[data-part="table"] tr.front') == ends


def test_reasons_of_verdicts_are_read_without_a_pointer(report: Path, show: Callable[..., Opened]) -> None:
    opened = show(report, width=390, height=844)
    opened.drawn()
    badges = opened.page.locator('[data-part="table"] .badge.upper')
    assert badges.count() > 0
    first = badges.first.get_attribute("title")
    assert first
    assert opened.text('[data-part="reasons"]').startswith(f"upper bound: {badges.count()} of 10 numbers, such as ")
    assert opened.text('[data-part="reasons"]').endswith(first)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing sticks out of a phone"


def test_what_was_chosen_stands_in_the_address(report: Path, show: Callable[..., Opened]) -> None:
    opened = show(report)
    opened.drawn()
    opened.drawn(opened.page.locator('[data-part="chips"] button', has_text="0.4").click)
    attack, by = (opened.page.locator(f'[data-part="{part}"]') for part in ("attack", "by"))
    opened.drawn(lambda: attack.select_option(label="ifgsm, eps 32/255, 1 step"))
    opened.drawn(lambda: by.select_option(label="lambda"))
    model = opened.page.locator("select[data-model=model0]")
    label = "pruning ratio 0.4, lambda 0.9, eps_train 24/255"
    opened.drawn(lambda: model.select_option(label=label))
    before = [opened.labels(*layer) for layer in (("tradeoff", "means"), ("heat_map", "cells"))]
    assert all(f"model: {label}" in cell for cell in before[1]), "one model, whatever the filters say"
    opened.page.locator('nav a[href="#cost"]').click()
    address = opened.page.evaluate("location.href")
    assert "pruning+ratio=0.4" in address
    again = show(report, address=address)
    again.drawn()
    assert [again.labels(*layer) for layer in (("tradeoff", "means"), ("heat_map", "cells"))] == before
    assert again.page.locator('[data-part="by"]').evaluate("by => by.selectedOptions[0].text") == "lambda"
    unknown = show(report, address=f"{report.as_uri()}#lambda=7&attack=none&model0=x&colour+by=y")
    unknown.drawn()
    assert unknown.count(MEANS) == 10, "what does not exist is not chosen"
    assert unknown.complaints == []


def test_light_and_dark(report: Path, show: Callable[..., Opened]) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light, dark = show(report), show(report, scheme="dark")
    shades = light.page.evaluate(background), dark.page.evaluate(background)
    assert shades[0] != shades[1]
    light.page.locator("#theme").click()
    assert light.page.evaluate(background) == shades[1]
    light.drawn()
    assert light.complaints == []


def test_hostile_names_run_nothing_and_break_nothing(
    tmp_path: Path, show: Callable[..., Opened], browser: Any  # noqa: ARG001 (no browser, no sweep)
) -> None:  # fmt: skip
    """A real sweep on images whose classes have such names."""
    data = tmp_path / "data"
    write_images(data, HOSTILE, 8)
    content = {
        "description": SPACE,
        "seed": {"grid_search": [0, 1]},
        "dataset": {"name": "image_folder", "image_size": 16, "split": {"test": 0.5}},
        "model": {"name": "resnet8"},
        "train": {"epochs": 2, "batch_size": 4, "optimizer": {"name": "sgd", "lr": 0.05}},
        "attack": {"name": "ifgsm", "eps": {"grid_search": ["8/255", "64/255"]}, "steps": {"grid_search": [1, 3]}},
    }
    sweep = really_run(tmp_path / "s", content, SPACE, data)
    lend_vega(os.environ)
    written = write_report([sweep], tmp_path / "out", ("png",), data)
    assert {"images.png", "training_curves.png"} <= set(written.files)
    opened = show(Path(written.page), 390, 844)
    opened.drawn()
    assert opened.page.evaluate("window.hacked") is None
    assert opened.complaints == []
    assert SPACE.strip() in opened.page.evaluate("document.querySelector('h1').textContent")
    cells = " ".join(opened.labels("confusion_matrices", "cells"))
    assert all(name in cells for name in HOSTILE), "whole, where the mouse rests"
    sources = opened.page.evaluate(
        "[...document.querySelectorAll('image')].map((i) => i.getAttribute('href').slice(0, 22))"
    )
    assert set(sources) == {"data:image/png;base64,"}
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_page_of_two_thousand_trials_is_a_small_one(tmp_path: Path, show: Callable[..., Opened]) -> None:
    """So that it opens soon: it holds figures and a table of means, and nothing for each trial."""
    content = {**GRID, "seed": {"grid_search": [0, 1, 2, 3]}}
    content["prune"] = {"ratio": {"grid_search": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}}
    content["attack"] = {"name": "ifgsm", "eps": {"grid_search": ["2/255", "4/255", "8/255", "16/255"]},
                         "steps": {"grid_search": [1, 5, 10, 20]}, "examples": 120}  # fmt: skip
    sweep = made_up(tmp_path / "s", content, images=False)
    lend_vega(os.environ)
    page = Path(write_report([sweep], tmp_path / "out", (), None).page)
    assert page.stat().st_size < 2e6
    opened = show(page)
    assert "2240 of 2240 trials" in opened.text('[data-part="count"]')
    assert opened.nodes < 3 * 2240
    opened.drawn()
    assert opened.count(MEANS) == 35
    assert opened.complaints == []
