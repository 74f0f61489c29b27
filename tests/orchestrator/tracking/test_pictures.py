"""Attacked images and confusion matrices in a W&B run."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
from PIL import Image

from orchestrator.tracking.folder import run_id
from orchestrator.tracking.pictures import GAP, LINE, MARGIN, TILE, compose_picture
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
