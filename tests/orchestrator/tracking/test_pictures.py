"""Attacked images and confusion matrices in a W&B run."""

from __future__ import annotations

import json

from PIL import Image

from orchestrator.tracking.folder import run_id
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
