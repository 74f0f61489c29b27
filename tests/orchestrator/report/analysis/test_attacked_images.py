"""The images that a report shows under attack."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from orchestrator.report.analysis.attacked_images import (
    AttackedImages,
    Gallery,
    collect_gallery,
    encode_picture,
    list_images,
)
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.report_data import load_report_data
from orchestrator.report.analysis.selected_configurations import choose_entries
from orchestrator.report.analysis.study import Configuration
from tasks.evaluation.preview import Preview
from tests.support.report_data import WITHOUT_TUNING, made_up

CONTENT = {**WITHOUT_TUNING, "seed": 0, "attack": {"name": "ifgsm", "eps": "8/255", "steps": 1, "examples": 120}}


def defended(row: dict[str, Any]) -> tuple[float, float]:
    """Pruning costs clean accuracy and brings robustness, so that both models are selected."""
    return (0.7, 0.6) if row["pruning_ratio"] else (0.95, 0.3)


@pytest.mark.parametrize(
    ("kept", "common", "models", "says"),
    [
        ((range(4), range(4)), (0, 1, 2, 3), 2, ""),
        ((range(30, 38), range(34, 42)), (34, 35, 36, 37), 2, ""),
        ((range(4), ()), (0, 1, 2, 3), 1, "the storage keeps no images of 1 of these models"),
        ((range(4), range(4, 8)), (), 0, "No images: those that the storage keeps of these trials have none in common"),
        (((), ()), (), 0, "No images: the storage keeps none of these trials"),
    ],
    ids=["alike", "common ones", "one of an older version", "none in common", "an older version"],
)
def test_images_are_those_that_the_trials_keep(
    kept: tuple[Sequence[int], Sequence[int]], common: tuple[int, ...], models: int, says: str, tmp_path: Path
) -> None:
    sweep = made_up(tmp_path, CONTENT, rule=defended, shown=lambda row: kept[row["pruning_ratio"] > 0])
    found = load_report_data([sweep])
    (study,) = found.studies
    images = collect_gallery(choose_entries(study), ImageRecords(found.store))
    assert (images.index, len(images.attacked)) == (common, models)
    assert says in images.note
    assert bool(says) == bool(images.note)
    for attacked in images.attacked:
        robust = 72 if attacked.configuration.values["pruning_ratio"] else 36
        assert attacked.preview.original[:, 0, 0, 0].tolist() == list(common)
        assert attacked.preview.perturbation[:, 0, 0, 0] == pytest.approx(robust / 255, rel=1e-3)
        assert attacked.witness is None
        assert attacked.label.tolist() == [place % 10 for place in common]
        held = [place < robust for place in common]
        assert (attacked.prediction == attacked.label).tolist() == held
        assert attacked.confidence == pytest.approx([0.3 + 0.6 * place / 119 for place in common], rel=1e-5)


def test_a_row_for_each_picture_and_the_largest_perturbation_just_reaches_white(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, CONTENT, rule=defended, shown=lambda _: range(35, 37))
    found = load_report_data([sweep])
    gallery = collect_gallery(choose_entries(found.studies[0]), ImageRecords(found.store))
    assert gallery.find_amplification("") == 1, "72/255, and twice that is more than a half"
    rows = list_images(gallery, [f"class {number}" for number in range(10)])
    assert [row["column"] for row in rows[:3]] == ["original", "adversarial", "perturbation x 1"]
    assert [(row["place"], row["text"], row["state"]) for row in rows if row["column"] == "adversarial"] == [
        (35, "class 5 (48 %)", "right"), (36, "class 9 (48 %)", "wrong"),
        (35, "class 5 (48 %)", "right"), (36, "class 6 (48 %)", "right"),
    ]  # fmt: skip
    assert [row["text"] for row in rows if row["column"] == "original"] == ["class 5", "class 6"] * 2
    shades = [35, 35 + 36, 127.5 + 36, 36, 36 + 36, 127.5 + 36, 35, 35 + 72, 127.5 + 72, 36, 36 + 72, 127.5 + 72]
    assert [read_pixels(row["picture"])[0][0] for row in rows] == pytest.approx(shades, abs=1)


def read_pixels(picture: str) -> Any:
    """The values of a picture on a page, row by row."""
    content = base64.b64decode(picture.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content))).tolist()


def test_a_small_perturbation_is_amplified(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, CONTENT, rule=lambda row: (0.9, (3 if row["pruning_ratio"] else 2) / 120))
    found = load_report_data([sweep])
    gallery = collect_gallery(choose_entries(found.studies[0]), ImageRecords(found.store))
    largest = max(float(np.abs(attacked.preview.perturbation).max()) for attacked in gallery.attacked)
    assert gallery.find_amplification("") == int(0.5 / largest) > 20


def test_a_picture_is_kept_pixel_by_pixel() -> None:
    pixels = np.array([[[0.0, 1.0], [0.2, 0.4]]], np.float32)
    assert read_pixels(encode_picture(pixels)) == [[0, 255], [51, 102]]
    colour = np.array([[[1.0, 0.0]], [[0.4, 1.2]], [[0.2, -0.1]]], np.float32)
    assert read_pixels(encode_picture(colour)) == [[[255, 102, 51], [0, 255, 0]]]
    large = base64.b64decode(encode_picture(np.zeros((3, 600, 300), np.float32)).removeprefix("data:image/png;base64,"))
    assert Image.open(io.BytesIO(large)).size == (128, 256)


def test_what_the_witness_says_stands_under_the_perturbation() -> None:
    labels, places = np.array([1, 2]), np.array([4, 7])
    preview = Preview(places, np.zeros((2, 1, 2, 2), np.uint8), np.full((2, 1, 2, 2), 0.25, np.float16))
    said = AttackedImages(
        cast("Configuration", None), preview, labels, np.array([0, 0]), np.ones(2), "", np.array([1, 3])
    )
    rows = list_images(Gallery((4, 7), (said,), ""), ["a", "b", "c", "d"])
    said_below = [(row["text"], row["state"]) for row in rows if row["column"].startswith("perturbation")]
    assert said_below == [("witness: b", "right"), ("witness: d", "wrong")]


def test_every_attack_is_amplified_by_its_own_largest_perturbation() -> None:
    def perturb(attack: str, size: float) -> AttackedImages:
        none = np.zeros(1, np.int64)
        preview = Preview(none, np.zeros((1, 1, 2, 2), np.uint8), np.full((1, 1, 2, 2), -size, np.float16))
        return AttackedImages(cast("Configuration", None), preview, none, none, np.ones(1), attack)

    gallery = Gallery((0,), (perturb("weak", 1 / 256), perturb("weak", 1 / 128), perturb("strong", 1 / 4)), "")
    assert [gallery.find_amplification(attack) for attack in ("weak", "strong")] == [64, 2]
