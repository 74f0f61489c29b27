"""Reports in headless Chromium: they open, stay silent, and answer to a hand on the mouse."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.write import write_report
from tests.support.report_data import GRID, made_up, really_run
from tests.support.small import write_images

pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HOSTILE = ("<img src=x onerror=window.hacked=1>", "\"'&lt;b&gt; {{7*7}} ${x} 😀", "c" * 200)
"""Names of classes."""
SPACE = "'\"><script>window.hacked=1</script></script><img src=x onerror=window.hacked=1> 😀 " + "s" * 200


@dataclass
class Opened:
    """A page in the browser, and everything that it complained of or asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, selector: str) -> int:
        return int(self.page.locator(selector).count())

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).first.inner_text())

    def drawn(self, part: str, again: Callable[[], None] | None = None) -> None:
        """Scroll to a chart and wait until it is drawn, or drawn again after something was done."""
        host = self.page.locator(f'[data-part="{part}"]').first
        before = int(host.get_attribute("data-drawn") or 0)
        host.scroll_into_view_if_needed()
        if again:
            again()
        self.page.wait_for_function(
            '([part, before]) => Number(document.querySelector(`[data-part="${part}"]`).dataset.drawn ?? 0) > before',
            arg=[part, before if again else 0],
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, found on the path or named by ADVSWEEP_CHROMIUM; else these tests are skipped."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install -e '.[dev]'")
    found = os.environ.get("ADVSWEEP_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("no Chromium: install one, or name it by ADVSWEEP_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def show(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Opens a file."""
    pages = []

    def opened(path: Path, width: int = 1200, height: int = 900, scheme: str = "light") -> Opened:
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        pages.append(page)
        found = Opened(page)
        page.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.on("request", lambda request: found.requests.append(request.url))
        started = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        found.seconds = time.perf_counter() - started
        return found

    yield opened
    for page in pages:
        page.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Path:  # noqa: ARG001 (no browser, no report)
    """The report of 180 trials whose numbers follow a known rule."""
    folder = tmp_path_factory.mktemp("made")
    return Path(write_report([made_up(folder)], folder / "out", (), None).page)


MEANS = '[data-part="tradeoff"] .layer_2_marks path'
TRIALS = '[data-part="tradeoff"] .layer_1_marks path'
TIP = "#vg-tooltip-element"


def test_every_chart_is_drawn_in_silence(report: Path, show: Callable[..., Opened]) -> None:
    opened = show(report)
    for part in ("tradeoff", "axis", "curves", "heat", "confidence"):
        opened.drawn(part)
        assert opened.count(f'[data-part="{part}"] svg path') > 3, part
    assert opened.count(MEANS) == 10
    assert opened.count(TRIALS) == 30
    assert opened.complaints == []
    assert opened.page.evaluate("report.errors") == []
    assert opened.requests == [report.as_uri()], "it asks for nothing but itself"


def test_hovering_shows_a_trial_and_its_settings(report: Path, show: Callable[..., Opened]) -> None:
    opened = show(report)
    opened.drawn("tradeoff")
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
    opened.drawn("tradeoff")
    chip = opened.page.locator('[data-part="chips"] button', has_text="0.4")
    opened.drawn("tradeoff", chip.click)
    assert opened.count(MEANS) == 5
    assert opened.text('[data-part="count"]') == "90 of 180 trials"
    assert chip.get_attribute("aria-pressed") == "true"
    assert opened.count('[data-part="table"] tr') == 5
    opened.drawn("tradeoff", opened.page.locator('[data-part="reset"]').click)
    assert opened.count(MEANS) == 10
    opened.page.locator(MEANS).nth(0).click(force=True)
    picked = opened.page.locator('[data-part="detail"]')
    assert "seed 0:" in picked.inner_text()
    opened.drawn("tradeoff", picked.locator("button").nth(0).click)
    assert opened.count(MEANS) == 5
    hardest = opened.page.locator('[data-part="threat"]')
    opened.drawn("tradeoff", lambda: hardest.select_option(label="ifgsm, eps 32/255, 10 steps"))
    opened.drawn("tradeoff", lambda: opened.page.locator('[data-part="by"]').select_option(label="lambda"))
    assert opened.complaints == []


def test_light_and_dark_and_a_phone(report: Path, show: Callable[..., Opened]) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light, dark = show(report), show(report, scheme="dark")
    shades = light.page.evaluate(background), dark.page.evaluate(background)
    assert shades[0] != shades[1]
    light.page.locator("#theme").click()
    assert light.page.evaluate(background) == shades[1]
    light.drawn("tradeoff")
    assert light.complaints == []
    phone = show(report, 390, 844)
    phone.drawn("curves")
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing sticks out"


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
    written = write_report([sweep], tmp_path / "out", ("png",), data)
    assert {"images.png", "training_curves.png"} <= set(written.files)
    opened = show(Path(written.page), 390, 844)
    for part in ("tradeoff", "curves", "heat", "history", "confidence"):
        opened.drawn(part)
    assert opened.page.evaluate("window.hacked") is None
    assert opened.complaints == []
    assert SPACE.strip() in opened.page.evaluate("document.querySelector('h1').textContent")
    body = opened.page.evaluate("document.body.textContent")
    assert all(name in body for name in HOSTILE)
    sources = opened.page.evaluate("[...document.images].map((image) => image.src.slice(0, 22))")
    assert sources
    assert set(sources) == {"data:image/png;base64,"}
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_two_thousand_trials_open_quickly(tmp_path: Path, show: Callable[..., Opened]) -> None:
    content = {**GRID, "seed": {"grid_search": [0, 1, 2, 3]}}
    content["prune"] = {"ratio": {"grid_search": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}}
    content["attack"] = {"name": "ifgsm", "eps": {"grid_search": ["2/255", "4/255", "8/255", "16/255"]},
                         "steps": {"grid_search": [1, 5, 10, 20]}, "examples": 120}  # fmt: skip
    sweep = made_up(tmp_path / "s", content, images=False)
    page = Path(write_report([sweep], tmp_path / "out", (), None).page)
    assert page.stat().st_size < 15e6
    opened = show(page)
    assert "2240 of 2240 trials" in opened.text('[data-part="count"]')
    assert min(opened.seconds, show(page).seconds) < 3
    opened.drawn("tradeoff")
    assert opened.count(MEANS) == 35
    assert opened.complaints == []
