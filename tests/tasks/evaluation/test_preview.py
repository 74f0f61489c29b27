"""The attacked images that are kept to be looked at: they are those of the table, whatever the batch."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import safetensors.numpy
import torch

from tasks.errors import CorruptArtifactError
from tasks.evaluation.evaluate import evaluate
from tasks.evaluation.preview import MOST_IMAGES, MOST_VALUES, Preview, load_preview, spread_evenly
from tasks.storage.stage_store import StageStore
from tests.support.attack_models import network, network_images, settings


@pytest.mark.parametrize(("eps", "steps"), [(0.1, (4, 6)), (0.0, (4, 6))])
def test_the_preview_shows_what_the_table_says(eps: float, steps: tuple[int, ...]) -> None:
    model = network()
    images = network_images(model, 20)
    cells = [settings(name="ifgsm", eps=eps, steps=count, batch_size=7) for count in steps]
    for found in evaluate(model, images, cells, 0, 0.5):
        assert found.preview is not None
        preview = Preview.from_bytes(found.preview.to_bytes())
        rows = {row["index"]: row for row in found.table.to_pylist()}
        assert preview.index.tolist() == [number * 20 // 8 for number in range(8)]
        assert np.array_equal(preview.original, images.pixels[torch.from_numpy(preview.index)].numpy())
        with torch.no_grad():
            said = model(torch.from_numpy(preview.adversarial)).argmax(1).tolist()
        for place, prediction, perturbation in zip(preview.index, said, preview.perturbation, strict=True):
            assert rows[place]["adversarial_prediction"] == prediction
            assert np.abs(perturbation).max() == pytest.approx(rows[place]["linf"], rel=1e-3)


def test_the_preview_is_the_same_whatever_the_batch() -> None:
    model = network()
    images = network_images(model, 13)
    whole, parts = (
        evaluate(model, images, [settings(name="pgd", eps=0.1, steps=10, batch_size=size)], 0, 0.5)[0].preview
        for size in (13, 4)
    )
    assert whole is not None
    assert parts is not None
    assert np.array_equal(whole.index, parts.index)
    np.testing.assert_allclose(whole.perturbation, parts.perturbation, atol=1e-4)


@pytest.mark.parametrize(("count", "values", "shown"), [(3, 64, 3), (1000, 3072, 8), (1000, 150528, 3), (5, 10**7, 1)])
def test_a_preview_is_small_and_spread(count: int, values: int, shown: int) -> None:
    places = spread_evenly(count, values)
    assert len(set(places)) == shown <= MOST_IMAGES
    assert max(places) < count
    assert shown * values <= max(MOST_VALUES, values)


def test_other_bytes_are_no_preview() -> None:
    kept = {"index": np.zeros(1, np.int64), "original": np.zeros((1, 1, 2, 2), np.uint8)}
    others = safetensors.numpy.save(kept), safetensors.numpy.save({**kept, "delta": kept["original"]})
    for content in (b"not a preview", *others):
        with pytest.raises(CorruptArtifactError, match="preview of attacked images"):
            Preview.from_bytes(content)


def test_a_perturbation_is_shown_ten_times_around_grey_and_images_end_at_their_range() -> None:
    perturbation = np.array([0.02, -0.02, 0.2, -0.2], np.float16).reshape(1, 1, 2, 2)
    original = np.array([255, 51, 51, 0], np.uint8).reshape(1, 1, 2, 2)
    preview = Preview(np.array([3]), original, perturbation)
    assert preview.amplified.flatten().tolist() == pytest.approx([0.7, 0.3, 1.0, 0.0], abs=1e-3)
    assert preview.adversarial.flatten().tolist() == pytest.approx([1.0, 0.18, 0.4, 0.0], abs=1e-3)
    two = Preview.concatenate([preview, Preview(np.array([1]), original // 2, -perturbation)])
    assert two.index.tolist() == [3, 1]
    assert (two.original[1, 0, 0, 0], two.perturbation[1, 0, 1, 0]) == (127, -perturbation[0, 0, 1, 0])


def test_a_preview_that_is_missing_or_none_is_left_out() -> None:
    kept: dict[str, bytes] = {"none": b"rubbish", "one": Preview(
        np.array([7]), np.zeros((1, 1, 2, 2), np.uint8), np.zeros((1, 1, 2, 2), np.float16)
    ).to_bytes()}  # fmt: skip

    class Store:
        """In the place of a stage store."""

        def read_if_whole(self, key: str, name: str) -> bytes | None:
            assert name == "preview.safetensors"
            return kept.get(key)

    store = cast(StageStore, Store())
    found = load_preview(store, "one")
    assert found is not None
    assert found.index.tolist() == [7]
    assert load_preview(store, "none") is None
    assert load_preview(store, "gone") is None
