"""A storage folder: bytes by name, on a local disk or on any filesystem that Arrow knows.

Whatever is written appears whole or not at all: locally under a temporary name that is renamed, on an object store
because a put is atomic. A folder of files on an object store is whole once its last file, the record, is there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

from tasks.errors import UsageError
from tasks.paths import CORRUPT, is_temporary, temporary


@dataclass(frozen=True)
class Storage:
    """One storage folder. Names are relative, with `/` between parts."""

    uri: str
    """As the user wrote it, an absolute path where it is local."""
    filesystem: fs.FileSystem
    root: str

    @property
    def local(self) -> Path | None:
        """The folder on this machine; null on an object store."""
        return Path(self.root) if isinstance(self.filesystem, fs.LocalFileSystem) else None

    def path(self, name: str) -> str:
        """The full path of a name, for Arrow's readers."""
        return f"{self.root}/{name}"

    def read(self, name: str) -> bytes:
        """The content of a file.

        :raises FileNotFoundError: it is not there.
        """
        with self.filesystem.open_input_stream(self.path(name)) as stream:
            content: bytes = stream.read()
            return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole, replacing what had this name."""
        if self.local is None:
            with self.filesystem.open_output_stream(self.path(name)) as stream:
                stream.write(content)
            return
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(temporary(target.name, uuid.uuid4().hex[:8]))
        try:
            with draft.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def append(self, name: str, line: str) -> None:
        """Add a line to a file that this process alone writes."""
        if self.local is None:
            before = self.read(name) if self.exists(name) else b""
            self.write(name, before + line.encode() + b"\n")
            return
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def exists(self, name: str) -> bool:
        """Whether a file or folder has this name."""
        found = self.filesystem.get_file_info(self.path(name)).type != fs.FileType.NotFound
        return bool(found)

    def size(self, name: str) -> int | None:
        """The bytes of a file; null where there is none."""
        info = self.filesystem.get_file_info(self.path(name))
        return int(info.size) if info.type == fs.FileType.File else None

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted, without what is still being written; none where there is no folder."""
        if self.local is not None:
            try:
                return sorted(name for name in os.listdir(self.path(folder)) if not is_temporary(name))  # noqa: PTH208
            except FileNotFoundError:
                return []
        selector = fs.FileSelector(self.path(folder), allow_not_found=True)
        return sorted(i.base_name for i in self.filesystem.get_file_info(selector) if not is_temporary(i.base_name))

    def scratch(self, folder: str) -> Path:
        """A new local folder in which files are written before `publish` shows them under `folder`."""
        unique = uuid.uuid4().hex[:12]
        if self.local is None:
            return Path(tempfile.mkdtemp(prefix="advsweep-"))
        target = Path(self.path(folder))
        draft = target.with_name(temporary(target.name, unique))
        draft.mkdir(parents=True)
        return draft

    def publish(self, draft: Path, folder: str, last: str, *, replace: bool = False) -> bool:
        """Show a scratch folder under its name; false where another process was first, whose files then stay.

        :param last: the file whose presence says that the folder is whole; on an object store it is sent last.
        :param replace: put aside what has this name, rather than keep it.
        """
        if self.local is None:
            for file in sorted(draft.iterdir(), key=lambda file: file.name == last):
                self.write(f"{folder}/{file.name}", file.read_bytes())
            shutil.rmtree(draft, ignore_errors=True)
            return True
        target = Path(self.path(folder))
        before = target.with_name(temporary(target.name, f"{uuid.uuid4().hex[:12]}.old"))
        if replace and target.exists():
            target.rename(before)
        try:
            draft.rename(target)
            return True
        except OSError:
            if not self.exists(f"{folder}/{last}"):
                raise
            return False
        finally:
            for leftover in (draft, before):
                shutil.rmtree(leftover, ignore_errors=True)

    def set_aside(self, folder: str, name: str) -> str:
        """Move a folder to the corrupt ones; returns its new name."""
        aside = f"{CORRUPT}/{name}-{time.strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:4]}"
        self.filesystem.create_dir(self.path(CORRUPT), recursive=True)
        self.filesystem.move(self.path(folder), self.path(aside))
        return aside

    def remove(self, name: str) -> None:
        """Remove a file or a whole folder, if it is there."""
        info = self.filesystem.get_file_info(self.path(name))
        if info.type == fs.FileType.Directory:
            self.filesystem.delete_dir(self.path(name))
        elif info.type != fs.FileType.NotFound:
            self.filesystem.delete_file(self.path(name))


def open_storage(uri: str | Path) -> Storage:
    """The storage at a path or URI; nothing is created.

    :raises UsageError: no filesystem goes with the URI, or a file stands where a folder is meant.
    """
    text = str(uri)
    if "://" not in text:
        folder = Path(text).expanduser().absolute()
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--storage {text}: is a file, not a folder")
        return Storage(str(folder), fs.LocalFileSystem(), str(folder))
    try:
        filesystem, root = fs.FileSystem.from_uri(text)
    except (ValueError, OSError, NotImplementedError) as error:
        raise UsageError(f"--storage {text}: {error}") from error
    return Storage(text, filesystem, root.rstrip("/"))


def check_writable(storage: Storage) -> None:
    """Write and remove a small file.

    :raises UsageError: the storage cannot be written; the message names it and the reason.
    """
    probe = f".probe-{uuid.uuid4().hex[:8]}"
    try:
        storage.write(probe, b"advsweep")
        storage.remove(probe)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(f"--storage {storage.uri}: cannot be written: {reason}") from error
