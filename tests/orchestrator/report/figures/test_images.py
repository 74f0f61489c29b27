"""The grid of attacked images as it is drawn."""

from __future__ import annotations

from pathlib import Path

from orchestrator.report.analysis.attacked_images import collect_gallery
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.report_data import load_report_data
from orchestrator.report.analysis.selected_configurations import choose_entries, list_entries
from orchestrator.report.figures.images import draw_images
from tests.support.drawn_marks import read_marks, read_numbers
from tests.support.report_data import WITHOUT_TUNING, made_up


def test_original_adversarial_image_and_perturbation_stand_beside_each_other(tmp_path: Path) -> None:
    sweep = made_up(
        tmp_path, {**WITHOUT_TUNING, "seed": 0}, shown=lambda _: range(35, 38),
        rule=lambda row: (0.7, 0.6) if row["pruning_ratio"] else (0.95, 0.3),
    )  # fmt: skip
    data = load_report_data([sweep])
    (study,) = data.studies
    gallery = collect_gallery(choose_entries(study), ImageRecords(data.store))
    figure = draw_images(study, gallery, [f"c{number}" for number in range(10)])
    assert figure is not None
    assert [panel.title for panel in figure.panels] == ["pruning ratio 0", "pruning ratio 0.4"]
    marks = [mark for mark in read_marks(figure, "pictures") if mark.panel == 0]
    columns = sorted({mark.item["x"] for mark in marks})
    assert (len(marks), len(columns), len({mark.item["y"] for mark in marks})) == (9, 3, 3)
    by_place = {(mark.item["x"], mark.item["y"]): mark.item["url"] for mark in marks}
    assert len({by_place[columns[0], mark.item["y"]] for mark in marks}) == 3, "three originals"
    rows = [row for row in figure.tables["images"] if row["model"] == 0]
    first = [row["picture"] for row in rows if row["place"] == 35]
    top = min(mark.item["y"] for mark in marks)
    assert [by_place[x, top] for x in columns] == first
    assert [text for text in read_numbers(figure) if text] == ["c5", "c5 (48 %)", "c6", "c9 (48 %)", "c7", "c0 (49 %)"]


def test_a_small_perturbation_is_seen_beside_a_large_one(tmp_path: Path) -> None:
    """Two attacks whose perturbations are 120 and 2 of 255: each is enlarged for itself."""
    attacks = [{"name": "jsma"}, {"name": "fgsm", "eps": "8/255"}]
    sweep = made_up(
        tmp_path, {**WITHOUT_TUNING, "prune": None, "seed": 0, "attack": {"grid_search": attacks}},
        rule=lambda row: (0.95, 1.0 if row["attack"] == "jsma" else 2 / 120),
    )  # fmt: skip
    data = load_report_data([sweep])
    gallery = collect_gallery(list_entries(data.studies[0]), ImageRecords(data.store))
    figure = draw_images(data.studies[0], gallery, [f"c{number}" for number in range(10)])
    assert figure is not None
    names = {panel.title: panel.spec["layer"][0]["encoding"]["x"]["scale"]["domain"][-1] for panel in figure.panels}
    assert {title.split(", ")[1]: name for title, name in names.items()} == {
        "jsma": "perturbation x 1", "fgsm": "perturbation x 63"
    }  # fmt: skip


def test_no_images_no_figure(tmp_path: Path) -> None:
    data = load_report_data([made_up(tmp_path, WITHOUT_TUNING, images=False)])
    gallery = collect_gallery(choose_entries(data.studies[0]), ImageRecords(data.store))
    assert draw_images(data.studies[0], gallery, ["a"]) is None
