"""Our own parts keep what is asked of a user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tasks.attacks.autoattack import craft as autoattack
from tasks.contracts import model, toy
from tasks.contracts.check_part import CONTRACTS, check_part
from tasks.data.registry import SOURCES
from tests.support.networks import LIKE_ANOTHER, make_networks_narrow
from tests.support.objectives import OBJECTIVE_CASES
from tests.support.registries import REGISTRIES
from tests.support.short_autoattack import list_shorter_settings
from tests.support.small import write_images, write_mnist

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "carlini_wagner": {"steps": 5, "binary_search_steps": 2},
    "ead": {"steps": 5, "binary_search_steps": 2},
    "diff_pgd": {"steps": 3, "generator": {"name": "denoiser", "width": 4}},
    "diff_pgd_unrestricted": {"steps": 3, "generator": {"name": "denoiser", "width": 4}},
    "denoiser": {"width": 4},
    "image_folder": {"image_size": 16},
    "randomized_smoothing": {"sigma": 0.25, "samples": 200},
}
"""Settings that a part needs, or with which it is quick."""
FEW_STEPS = 8
"""Of attacks, each of which is tried many times."""
SMALL = 16
"""Pixels of a side that are enough for every network but VGG, which halves them five times."""

PUBLISHED = {"animals10", "cifar10", "cifar100", "svhn"}
"""Data sets whose counts are those of the published files, which are too large to be made here."""


def write_files(folder: Path, name: str) -> None:
    """Small files of a data set that lives on disk."""
    if name in ("mnist", "fashion_mnist"):
        write_mnist(folder, "MNIST" if name == "mnist" else "FashionMNIST")
    elif name == "image_folder":
        for split in ("train", "test"):
            write_images(folder / split, ("cat", "dog"), 3)


SOURCES_HERE = [name for name in SOURCES if name not in PUBLISHED]


def list_parts() -> Iterator[Any]:
    for kind, registry in REGISTRIES.items():
        for name in SOURCES_HERE if registry is SOURCES else registry:
            if name.endswith(LIKE_ANOTHER):
                continue
            yield pytest.param(kind, name, id=name)


@pytest.fixture
def _smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer steps, channels and pixels, of which no promise speaks."""
    make_networks_narrow(monkeypatch)
    monkeypatch.setattr(toy, "MOST_STEPS", FEW_STEPS)
    for part, shorter in list_shorter_settings(FEW_STEPS, targets=3).items():
        monkeypatch.setattr(autoattack, part, shorter)


@pytest.mark.slow
@pytest.mark.usefixtures("_smaller")
@pytest.mark.parametrize(("kind", "name"), list_parts())
def test_our_own_parts_keep_their_promises(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not name.startswith("vgg"):
        monkeypatch.setattr(model, "SIZE", SMALL)
    write_files(tmp_path, name)
    given = (OBJECTIVE_CASES if kind == "objective" else SETTINGS).get(name, {})
    found = check_part(kind, name, given, tmp_path)
    assert [(each.check, each.problem) for each in found if each.problem] == []
    assert len(found) > 3


def test_every_kind_has_a_contract() -> None:
    assert CONTRACTS.keys() == REGISTRIES.keys()
