"""A storage on a local disk or a shared file system: files appear by renaming, and a folder may be away for a while."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyarrow import fs

from tasks.errors import StorageRefusedError, name_place
from tasks.paths import MARKER, make_temporary_name
from tasks.storage.local_files import (
    check_no_link_leads_nowhere,
    check_no_link_leads_out,
    open_no_link,
    read_file,
    write_file,
)

NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
"""What the system says of a name below which there is nothing; the last where a link on the way leads to itself."""


class LocalFolder:
    """Files below a folder. Once known as a storage, it is never made again: where it is missing, it is away."""

    def __init__(self, root: Path, *, established: bool = False) -> None:
        """:param established: it has been made before; without this, that is read from the folder itself."""
        self.root = str(root)
        self.filesystem = fs.LocalFileSystem()
        self._folder = root
        self._established = established or os.path.exists(root / MARKER)  # noqa: PTH110 (false where it may not be asked)
        self._left: list[Path] = []  # drafts that could not be removed, since the storage was away

    def establish(self) -> None:
        """Make the folder, and mark it as a storage."""
        if not self._established:
            self._folder.mkdir(parents=True, exist_ok=True)
            os.close(open_no_link(str(self._folder / MARKER), os.O_CREAT | os.O_WRONLY))
            self._established = True

    def read(self, name: str, most: int) -> bytes:
        """The content of a file.

        :param most: the bytes that it may have.
        :raises MisplacedError: it is no file, too large, or behind a link that leads out of the storage or nowhere.
        """
        check_no_link_leads_out(self.root, name)
        with self._unless_away():
            try:
                return read_file(self._folder / name, most)
            except FileNotFoundError:
                check_no_link_leads_nowhere(self.root, name)
                raise

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole, replacing what had this name."""
        target = self._make_target(name)
        draft = target.with_name(make_temporary_name(target.name, uuid.uuid4().hex[:8]))
        try:
            with self._unless_away():
                write_file(draft, content)
                draft.replace(target)
        finally:
            self._discard(draft)

    def append(self, name: str, line: str) -> None:
        """Add a line."""
        target = self._make_target(name)
        if target.is_symlink():
            raise StorageRefusedError(f"{target} is a link: nothing is added to what it leads to")
        with (
            self._unless_away(),
            name_place(target),
            open(target, "a", encoding="utf-8", opener=open_no_link) as stream,
        ):
            stream.write(line + "\n")

    def exists(self, name: str) -> bool:
        """Whether a file or folder has this name, or a link, wherever that leads."""
        try:
            (self._folder / name).lstat()
        except OSError as error:
            if error.errno not in NOTHING_THERE:
                raise
            self._check_present()
            return False
        return True

    def get_size(self, name: str) -> int | None:
        """The bytes of a file; null where there is none."""
        check_no_link_leads_out(self.root, name)
        try:
            found = (self._folder / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            self._check_present()
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def get_change_time(self, name: str) -> float | None:
        """When a file was written, in seconds since 1970 by the clock of its disk; null where there is none."""
        try:
            return (self._folder / name).lstat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return None

    def list_names(self, folder: str) -> list[str]:
        """What is in a folder, half-written files too; none where there is no folder."""
        check_no_link_leads_out(self.root, folder)
        try:
            return os.listdir(self._folder / folder)  # noqa: PTH208 (names alone, of many thousands)
        except FileNotFoundError:
            check_no_link_leads_nowhere(self.root, folder)
            self._check_present()
            return []

    def list_sizes(self, name: str) -> dict[str, int]:
        """The bytes of each file below a folder by its name inside; of a file, its own under an empty name."""
        path = self._folder / name
        if path.is_symlink() or not os.path.isdir(path):  # noqa: PTH112 (false where it may not be asked)
            return {"": path.lstat().st_size} if os.path.lexists(path) else {}
        found = (Path(folder) / file for folder, _, files in os.walk(path) for file in files)
        return {file.relative_to(path).as_posix(): file.lstat().st_size for file in found}

    def publish(self, draft: Path, folder: str, last: str, *, replace: bool) -> bool:
        """Show the files of a local folder under a name; false where another process was first."""
        target, unique = self._make_target(folder), uuid.uuid4().hex[:12]
        copy = target.with_name(make_temporary_name(target.name, unique))
        before = target.with_name(make_temporary_name(target.name, f"{unique}.old"))
        try:
            with self._unless_away():
                copy.mkdir()
                for file in draft.iterdir():
                    write_file(copy / file.name, file.read_bytes())
                if replace and target.exists():
                    target.rename(before)
            try:
                copy.rename(target)
                return True
            except OSError:
                if not self.exists(f"{folder}/{last}"):
                    raise
                return False
        finally:
            self._discard(copy, before)

    def move(self, folder: str, aside: str) -> None:
        """Give a folder another name."""
        target = self._make_target(aside)
        with self._unless_away():
            (self._folder / folder).rename(target)

    def remove(self, name: str) -> None:
        """Remove whatever has this name: a file, a whole folder, a link but not what it leads to, a pipe."""
        path = self._folder / name
        self._check_inside(path.parent)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif os.path.lexists(path):
            path.unlink(missing_ok=True)
        else:
            self._check_present()

    def _make_target(self, name: str) -> Path:
        """The path of something that is about to be written, with the folders above it."""
        self._check_present()
        left, self._left = self._left, []
        self._discard(*left)
        target = self._folder / name
        self._make_folder(target.parent)
        self._check_inside(target.parent)
        return target

    def _discard(self, *drafts: Path) -> None:
        """Remove drafts; those of a storage that is away at the next write."""
        for draft in drafts:
            if draft.is_dir():
                shutil.rmtree(draft, ignore_errors=True)
            else:
                draft.unlink(missing_ok=True)
        if self._is_away():
            self._left += drafts

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, but never the storage itself while that is away."""
        if folder.is_dir():
            return
        if folder != self._folder:
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
        elif self._established:
            self._check_present()
        else:
            folder.mkdir(parents=True, exist_ok=True)

    def _check_inside(self, folder: Path) -> None:
        """:raises StorageRefusedError: a link leads out of the storage."""
        if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(self._folder)):
            raise StorageRefusedError(
                f"{folder} is a link that leads out of the storage: nothing is written or removed there"
            )

    def _check_present(self) -> None:
        """:raises OSError: the storage was there and is not; it may come back."""
        if self._is_away():
            raise OSError(errno.ESTALE, "the storage folder is away", self.root)

    def _is_away(self) -> bool:
        """Whether the storage was there and is not."""
        return self._established and not (self._folder / MARKER).exists()

    @contextmanager
    def _unless_away(self) -> Iterator[None]:
        """Tell a file that is missing from a storage that is."""
        try:
            yield
        except FileNotFoundError:
            self._check_present()
            raise
