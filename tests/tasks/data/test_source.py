"""Splits, augmentation, file formats and fingerprints."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from tasks.data.augment import augment_images
from tasks.data.images import Images, Splits, divide_images, make_splits
from tasks.data.loading import load_splits
from tasks.data.settings import AugmentSettings, DatasetSettings
from tasks.data.source import inspect_dataset
from tasks.errors import UsageError
from tests.support.small import real_data, write_images, write_mnist


@pytest.fixture(autouse=True)
def _nothing_loaded() -> None:
    load_splits.cache_clear()


def settings(**fields: object) -> DatasetSettings:
    return DatasetSettings.model_validate({"name": "digits", **fields})


def numbered(count: int) -> Images:
    """Images that carry their own number."""
    pixels = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    return Images(pixels.contiguous(), torch.arange(count) % 3, ("a", "b", "c"))


def numbers(images: Images) -> set[int]:
    return set(images.pixels[:, 0, 0, 0].tolist())


def test_division_is_disjoint_complete_and_fixed_by_the_seed() -> None:
    kept, taken = divide_images(numbered(100), 0.2, seed=3)
    assert (len(kept), len(taken)) == (80, 20)
    assert numbers(kept) | numbers(taken) == set(range(100))
    assert numbers(divide_images(numbered(100), 0.2, seed=3)[1]) == numbers(taken)
    assert numbers(divide_images(numbered(100), 0.2, seed=4)[1]) != numbers(taken)


def test_validation_comes_out_of_the_training_split_and_never_out_of_the_test_split() -> None:
    whole = numbered(100)
    train, test = divide_images(whole, 0.2, seed=0)
    found = make_splits(train, test, settings(split={"validation": 0.25}, train_examples=40))
    assert (len(found.train), len(found.validation), len(found.test)) == (30, 10, 20)
    assert numbers(found.test) == numbers(test)
    assert not numbers(found.train) & numbers(found.validation)
    assert numbers(found.train) | numbers(found.validation) <= numbers(train)


def test_digits_are_uint8_and_the_same_at_every_load() -> None:
    first = load_splits(settings(), None)
    load_splits.cache_clear()
    again = load_splits(settings(), None)
    assert first.train.pixels.dtype == torch.uint8
    assert first.train.labels.dtype == torch.int64
    assert first.train.pixels.shape == (1438, 1, 8, 8)
    assert torch.equal(first.test.pixels, again.test.pixels)
    counted = inspect_dataset(settings(), None)
    assert (counted.train_images, counted.test_images) == (len(first.train), len(first.test))


def test_resizing_and_channels() -> None:
    found = load_splits(settings(image_size=16, channels=3), None)
    assert found.test.pixels.shape[1:] == (3, 16, 16)
    assert torch.equal(found.test.pixels[:, 0], found.test.pixels[:, 2])


def test_flip_mirrors_about_half_of_the_images_and_nothing_else() -> None:
    pixels = torch.randint(0, 256, (400, 3, 6, 6), dtype=torch.uint8)
    out = augment_images(pixels, AugmentSettings(flip=True), torch.Generator().manual_seed(0))
    same = (out == pixels).flatten(1).all(1)
    mirrored = (out == pixels.flip(3)).flatten(1).all(1)
    assert bool((same | mirrored).all())
    assert 150 < int(mirrored.sum()) < 250


def test_crop_moves_each_image_by_at_most_the_padding() -> None:
    pixels = torch.zeros(50, 1, 9, 9, dtype=torch.uint8)
    pixels[:, :, 4, 4] = 255
    out = augment_images(pixels, AugmentSettings(crop=2), torch.Generator().manual_seed(0))
    places = out.flatten(1).float().argmax(1)
    rows, columns = places // 9, places % 9
    assert out.dtype == torch.uint8
    assert (int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())) == (2, 6, 2, 6)


def test_without_augmentation_images_stay_as_they_are() -> None:
    pixels = numbered(5).pixels
    assert augment_images(pixels, AugmentSettings(), torch.Generator()) is pixels


def folder(root: Path, **fields: object) -> tuple[DatasetSettings, Splits]:
    asked = settings(name="image_folder", root=root, image_size=16, **fields)
    return asked, load_splits(asked, None)


def test_image_folder_without_parts_is_divided_by_the_seed(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 10)
    asked, found = folder(tmp_path / "images", split={"test": 0.25})
    assert (len(found.train), len(found.test)) == (15, 5)
    assert found.train.classes == ("cat", "dog")
    assert found.train.pixels.shape == (15, 3, 16, 16)
    seen = inspect_dataset(asked, None)
    assert (seen.train_images, seen.test_images, seen.channels) == (15, 5, 3)


def test_image_folder_with_parts_keeps_them(tmp_path: Path) -> None:
    write_images(tmp_path / "train", ("cat", "dog"), 6, ".jpg")
    write_images(tmp_path / "test", ("cat", "dog"), 2, ".jpg")
    _, found = folder(tmp_path)
    assert (len(found.train), len(found.test)) == (12, 4)
    bright = found.train.pixels.float().mean((1, 2, 3)) > 120
    assert torch.equal(bright.long(), found.train.labels)


def test_parts_with_different_classes_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path / "train", ("cat", "dog"), 2)
    write_images(tmp_path / "test", ("cat", "fox"), 2)
    with pytest.raises(UsageError, match="different classes: dog, fox"):
        folder(tmp_path)


def test_corrupt_images_are_counted_and_named(tmp_path: Path) -> None:
    images = tmp_path / "images"
    write_images(images, ("cat", "dog"), 4)
    (images / "cat" / "broken.jpg").write_bytes(b"\xff\xd8 not an image")
    (images / "dog" / "cut.png").write_bytes((images / "dog" / "000.png").read_bytes()[:100])
    with pytest.raises(UsageError, match=r"2 of 10 images are corrupt: (cat|dog).*, (cat|dog)"):
        folder(images)


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    write_images(tmp_path, ("cat", "dog"), 2)
    (tmp_path / "fox").mkdir()
    with pytest.raises(UsageError, match="no image in fox"):
        inspect_dataset(settings(name="image_folder", root=tmp_path, image_size=16), None)


@pytest.mark.parametrize("zipped", [True, False])
def test_mnist_layout(tmp_path: Path, zipped: bool) -> None:
    write_mnist(tmp_path, zipped=zipped)
    asked = settings(name="mnist", image_size=32)
    found = load_splits(asked, tmp_path)
    assert found.train.pixels.shape == (40, 1, 32, 32)
    assert found.test.labels.tolist() == [place % 10 for place in range(20)]
    assert inspect_dataset(asked, tmp_path).train_images == 40


def test_a_file_that_is_cut_short_is_named(tmp_path: Path) -> None:
    write_mnist(tmp_path, zipped=False)
    images = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-5])
    with pytest.raises(UsageError, match="t10k-images-idx3-ubyte is cut short"):
        load_splits(settings(name="mnist"), tmp_path)


def test_missing_data_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"train-images-idx3-ubyte\(\.gz\) is missing"):
        inspect_dataset(settings(name="mnist"), tmp_path)
    with pytest.raises(UsageError, match="give --data-dir"):
        inspect_dataset(settings(name="mnist"), None)


def test_fingerprints_depend_on_content_and_not_on_the_path(tmp_path: Path) -> None:
    write_images(tmp_path / "one", ("cat", "dog"), 3)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    found = [
        inspect_dataset(settings(name="image_folder", root=tmp_path / at, image_size=16), None) for at in ("one", "two")
    ]
    assert found[0].fingerprint == found[1].fingerprint
    shutil.copy(tmp_path / "two" / "cat" / "001.png", tmp_path / "two" / "cat" / "000.png")
    changed = inspect_dataset(settings(name="image_folder", root=tmp_path / "two", image_size=16), None)
    assert changed.fingerprint != found[0].fingerprint


def test_zipped_and_plain_mnist_have_one_fingerprint(tmp_path: Path) -> None:
    write_mnist(tmp_path / "zipped")
    write_mnist(tmp_path / "plain", zipped=False)
    one, other = (inspect_dataset(settings(name="mnist"), tmp_path / at).fingerprint for at in ("zipped", "plain"))
    assert one == other


def test_real_mnist() -> None:
    root = real_data("mnist")
    asked = settings(name="mnist", root=root, image_size=32)
    seen = inspect_dataset(asked, None)
    assert (seen.train_images, seen.test_images) == (60_000, 10_000)
    test = load_splits(asked, None).test
    assert test.pixels.shape == (10_000, 1, 32, 32)
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
