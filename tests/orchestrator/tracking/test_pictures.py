"""Attacked images and confusion matrices in a W&B run."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from orchestrator.tracking import pictures
from orchestrator.tracking.folder import run_id
from orchestrator.tracking.pictures import GAP, INK, LINE, MARGIN, RIGHT, TILE, WRONG, compose_picture
from tasks.evaluation.preview import Preview
from tests.support.wandb_sweep import Sweep


def test_the_pictures_and_matrices_are_those_of_the_artifacts(written: Sweep) -> None:
    rows = {run_id(written.store.sweep_id, row["trial_id"]): row for row in written.store.rows()}
    for identity, row in rows.items():
        (folder,) = written.storage.glob(f"sweeps/*/wandb/wandb/offline-run-*-{identity}")
        (picture,) = folder.glob("files/media/images/adversarial_examples*.png")
        assert Image.open(picture).size[0] > 8 * 100
        for when, correct in (("clean", "clean_correct"), ("adversarial", "robust_correct")):
            (file,) = folder.glob(f"files/media/table/confusion_{when}*.json")
            cells = json.loads(file.read_text())["data"]
            assert sum(count for *_, count in cells) == row["examples"]
            assert sum(count for actual, said, count in cells if actual == said) == row[correct]


def test_each_image_bears_the_confidence_of_its_own_answer() -> None:
    """What stands below an image changes with its own confidence and with no other."""

    def draw_captions(clean: float, adversarial: float) -> list[bytes]:
        row = {"index": 3, "label": 1, "clean_prediction": 1, "clean_confidence": clean, "adversarial_prediction": 2,
               "adversarial_confidence": adversarial, "linf": 0.1, "l2": 0.2}  # fmt: skip
        preview = Preview(np.array([3]), np.zeros((1, 1, 4, 4), np.uint8), np.zeros((1, 1, 4, 4), np.float16))
        picture = Image.open(io.BytesIO(compose_picture(preview, pa.Table.from_pylist([row]))))
        tops = [GAP + line * (TILE + LINE + GAP) + TILE for line in range(3)]
        return [picture.crop((MARGIN, top, MARGIN + TILE, top + LINE)).tobytes() for top in tops]

    first, other, third = draw_captions(0.9, 0.4), draw_captions(0.9, 0.7), draw_captions(0.5, 0.4)
    assert [a == b for a, b in zip(first, other, strict=True)] == [True, False, True]
    assert [a == b for a, b in zip(first, third, strict=True)] == [False, True, True]


def test_right_is_green_and_wrong_is_red() -> None:
    assert [max(range(3), key=colour.__getitem__) for colour in (RIGHT, WRONG)] == [1, 0]
    assert len(set(INK)) == 1


ROW = {"index": 3, "label": 1, "clean_prediction": 1, "clean_confidence": 0.514, "adversarial_prediction": 2,
       "adversarial_confidence": 0.9, "linf": 0.12345, "l2": 1.238}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "classes", "text", "colour"),
    [
        (0, ("cat", "dog", "owl"), "dog 51%", RIGHT),
        (1, ("cat", "dog", "owl"), "owl 90%", WRONG),
        (1, ("cat", "dog"), "2 90%", WRONG),
        (2, (), "Linf 0.123  L2 1.24", INK),
        (0, ("a", "b" * 18), "b" * 18 + " 51%", RIGHT),
        (0, ("a", "b" * 19), "b" * 17 + "… 51%", RIGHT),
        (0, ("a", "b\x1bc\n"), "b?c? 51%", RIGHT),
    ],
)
def test_what_stands_below_an_image(
    line: int, classes: tuple[str, ...], text: str, colour: tuple[int, int, int]
) -> None:
    assert pictures._describe_prediction(ROW, line, classes) == (text, colour)
    assert pictures._describe_prediction(None, line, classes) == ("", INK)


def test_a_tile_has_the_colours_of_its_pixels_and_keeps_small_ones_as_squares() -> None:
    pixels = np.zeros((3, 1, 2), np.float32)
    pixels[:, 0, 1] = (1.2, 0.5, -0.1)
    tile = pictures._draw_tile(pixels)
    assert tile.size == (TILE, TILE)
    assert [tile.getpixel((x, 60)) for x in (0, TILE // 2 - 1, TILE // 2, TILE - 1)] == [
        (0, 0, 0), (0, 0, 0), (255, 128, 0), (255, 128, 0),
    ]  # fmt: skip
    grey = pictures._draw_tile(np.full((1, TILE + 1, 4), 0.2, np.float32))
    assert (grey.size, grey.getpixel((5, 5))) == ((TILE, TILE), (51, 51, 51))


def test_original_adversarial_and_difference_stand_below_each_other_image_by_image() -> None:
    clean = np.array([np.full((1, 2, 2), 51), np.full((1, 2, 2), 102)], np.uint8)
    moved = np.array([np.full((1, 2, 2), 0.1), np.full((1, 2, 2), -0.2)], np.float16)
    preview = Preview(np.array([3, 5]), clean, moved)
    picture = Image.open(io.BytesIO(compose_picture(preview, pa.table({})))).convert("L")
    assert picture.size == (MARGIN + 2 * (TILE + GAP), 3 * (TILE + LINE + GAP) + GAP)
    middles = [[picture.getpixel((MARGIN + place * (TILE + GAP) + TILE // 2, GAP + line * (TILE + LINE + GAP) + 50))
                for place in range(2)] for line in range(3)]  # fmt: skip
    expected = [[round(255 * float(np.clip(images[place], 0, 1).flat[0])) for place in range(2)]
                for images in (preview.clean, preview.adversarial, preview.amplified)]  # fmt: skip
    assert middles == expected
    assert expected[0] == [51, 102]
