"""Temporary folders: locked while their process lives, removed by the next one after it was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tasks import temporary
from tasks.temporary import make_temporary_folder, remove_dead_folders, remove_temporary_folder, use_temporary_folder

MAKE = (
    "import sys, time; from pathlib import Path; from tasks.temporary import make_temporary_folder; "
    "print(make_temporary_folder(Path(sys.argv[1])), flush=True); time.sleep(600)"
)


def make_in_another_process(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", MAKE, str(parent)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    (folder / "content").write_text("x")
    return process, folder


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    process, folder = make_in_another_process(tmp_path)
    seen: list[Path] = []
    remove_dead_folders(tmp_path, before=seen.append)
    assert folder.is_dir()
    process.kill()
    process.wait()
    remove_dead_folders(tmp_path, before=seen.append)
    assert not folder.exists()
    assert seen == [folder]


def test_ones_own_folders_stay_until_they_are_given_up(tmp_path: Path) -> None:
    with use_temporary_folder(tmp_path) as folder:
        (folder / "content").write_text("x")
        assert folder.stat().st_mode & 0o077 == 0
        remove_dead_folders(tmp_path)
        assert folder.is_dir()
    assert not folder.exists()
    folder = make_temporary_folder(tmp_path)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    remove_temporary_folder(folder)
    remove_temporary_folder(folder)
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors - 1


def test_a_folder_that_is_just_being_made_is_left_alone(tmp_path: Path) -> None:
    young, old, dead = (tmp_path / name for name in (f"{temporary.NEW}1", f"{temporary.NEW}2", f"{temporary.PREFIX}3"))
    for folder in (young, old, dead):
        folder.mkdir()
    os.utime(old, (time.time() - 2 * temporary.YOUNG,) * 2)
    remove_dead_folders(tmp_path)
    assert list(tmp_path.iterdir()) == [young]


def test_a_link_of_that_name_leads_nowhere(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "content").write_text("x")
    (tmp_path / f"{temporary.PREFIX}link").symlink_to(victim)
    remove_dead_folders(tmp_path)
    assert (victim / "content").exists()
