"""Downloads by torchvision's classes: what they are told, what is reported, and what is said where they fail."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tasks.data.download import download_dataset
from tasks.errors import UsageError
from tests.support.images import settings, silent

PARTS = ({"split": "train"}, {"split": "test"})


@pytest.fixture
def datasets() -> ModuleType:
    """torchvision's. To import it takes two seconds, which no process that only collects tests should need."""
    return importlib.import_module("torchvision.datasets")


def test_each_part_is_downloaded_to_the_folder_and_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, datasets: ModuleType
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(datasets, "SVHN", lambda **arguments: calls.append(arguments))
    download_dataset("SVHN", settings("svhn"), tmp_path, PARTS, "files", lambda *news: calls.append(news))
    common = {"root": str(tmp_path), "download": True}
    assert calls == [
        ("downloading SVHN", 0, 2),
        {**common, "split": "train"},
        ("downloading SVHN", 1, 2),
        {**common, "split": "test"},
        ("downloading SVHN", 2, 2),
    ]


@pytest.mark.parametrize("error", [OSError("no network"), RuntimeError("File not found or corrupted")])
def test_what_cannot_be_downloaded_says_what_to_put_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, datasets: ModuleType
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(datasets, "SVHN", fail)
    with pytest.raises(UsageError) as caught:
        download_dataset("SVHN", settings("svhn"), tmp_path, PARTS, "a.mat from B", silent)
    text = f"SVHN could not be downloaded: {error}. Without a network, put into {tmp_path}: a.mat from B"
    assert str(caught.value) == text
    with pytest.raises(UsageError, match=r"^svhn: give --data-dir DIR, the folder to download to$"):
        download_dataset("SVHN", settings("svhn"), None, PARTS, "a.mat from B", silent)


@pytest.mark.parametrize("there", [False, True])
def test_a_download_that_brings_nothing_leaves_no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool, datasets: ModuleType
) -> None:
    folder = tmp_path / "new" / "data"
    if there:
        folder.mkdir(parents=True)

    def fail(*, root: str, **_: Any) -> None:
        (Path(root) / "SVHN" / "raw").mkdir(parents=True)
        raise OSError("no network")

    monkeypatch.setattr(datasets, "SVHN", fail)
    with pytest.raises(UsageError):
        download_dataset("SVHN", settings("svhn"), folder, PARTS, "files", silent)
    assert (tmp_path / "new").exists() is folder.exists() is there


def test_a_part_that_was_downloaded_stays_where_the_next_one_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, datasets: ModuleType
) -> None:
    def fail(*, root: str, split: str, **_: Any) -> None:
        if split == "test":
            raise OSError("no network")
        Path(root).mkdir()
        (Path(root) / "train.mat").write_bytes(b"images")

    monkeypatch.setattr(datasets, "SVHN", fail)
    with pytest.raises(UsageError):
        download_dataset("SVHN", settings("svhn"), tmp_path / "new", PARTS, "files", silent)
    assert (tmp_path / "new" / "train.mat").read_bytes() == b"images"
