"""`advsweep data prepare`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.support.command_line import run_here


def test_a_folder_of_images_is_decoded_ahead_of_a_sweep(tmp_path: Path) -> None:
    for name in "ab":
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for place in range(10):
            Image.new("RGB", (20, 16), (place * 20, 0, 90)).save(folder / f"{place}.png")
    words = ["data", "prepare", "image_folder", "--data-dir", str(tmp_path / "pictures"), "--set", "image_size=8"]
    ended = run_here(*words, "--set", "dataset.split.test=0.2")
    assert ended.code == 0, ended
    *progress, last = ended.stdout.splitlines()
    assert last == "image_folder: 16 training and 4 test images in 2 classes"
    assert progress[-1].endswith(": 16/16")
    assert len(progress) == len(set(progress)) <= 21


def test_what_is_wrong_is_one_message() -> None:
    assert "did you mean 'cifar10'" in run_here("data", "prepare", "cifar01").stderr
    wrong = run_here("data", "prepare", "digits", "--set", "image_sise=8")
    assert wrong.code == 2
    assert "did you mean 'image_size'" in wrong.stderr
    assert "mnist: give --data-dir DIR" in run_here("data", "prepare", "mnist").stderr
