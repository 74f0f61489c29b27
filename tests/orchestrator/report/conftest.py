"""Fixtures of the tests of reports."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.report_data import ReportData, load_report_data
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables, build_study_tables
from orchestrator.store.sweep_store import SweepStore
from tests.support.browser import Opened
from tests.support.harness import LIMIT
from tests.support.report_data import made_up


@pytest.fixture(scope="session")
def made_sweep(tmp_path_factory: pytest.TempPathFactory) -> SweepStore:
    """180 trials whose numbers follow a known rule."""
    return made_up(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def made_data(made_sweep: SweepStore) -> ReportData:
    """What a report reads of them."""
    return load_report_data([made_sweep])


@pytest.fixture(scope="session")
def made_study(made_data: ReportData) -> Study:
    """Their only study."""
    (study,) = made_data.studies
    return study


@pytest.fixture(scope="session")
def made_images(made_data: ReportData) -> ImageRecords:
    """What they keep of every image."""
    return ImageRecords(made_data.store)


@pytest.fixture(scope="session")
def made_tables(made_study: Study) -> StudyTables:
    """The rows of its figures."""
    return build_study_tables(made_study)


NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


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


def open_page(
    browser: Any, path: Path, width: int = 1200, height: int = 900, scheme: str = "light", address: str = ""
) -> Opened:
    """Open a file in a window of its own."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.set_default_timeout(1000 * LIMIT)
    meter = page.context.new_cdp_session(page)
    meter.send("Performance.enable")
    found = Opened(page)
    page.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("request", lambda request: found.requests.append(request.url))
    page.goto(address or path.as_uri())
    page.wait_for_selector("html[data-ready=yes]", state="attached")
    metrics = {each["name"]: each["value"] for each in meter.send("Performance.getMetrics")["metrics"]}
    found.nodes = int(metrics["Nodes"])
    return found


@pytest.fixture
def show(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Opens a file."""
    opened: list[Opened] = []

    def show_page(*where: Any, **how: Any) -> Opened:
        opened.append(open_page(browser, *where, **how))
        return opened[-1]

    yield show_page
    for one in opened:
        one.page.close()
