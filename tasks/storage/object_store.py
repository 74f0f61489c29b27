"""A storage on an object store (S3, GCS): a put is atomic, nothing is renamed, and nothing can be appended."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path

from pyarrow import fs

from tasks.errors import TooLargeError


class ObjectStore:
    """Objects below a prefix of a bucket.

    A folder of several objects is whole once its last one, the record, is there: it is put last.
    Every method may be called again after it failed: the second call does what the first one left.
    """

    def __init__(self, filesystem: fs.FileSystem, root: str) -> None:
        """:param root: the bucket and the prefix, without a slash at the end."""
        self.root = root
        self.filesystem = filesystem
        self._flat = filesystem.type_name == "gcs"
        """Arrow lists there the objects alone, and none of the folders that their names imply."""
        self._appended: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def _locate(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root

    def establish(self) -> None:
        """Nothing: a prefix need not be made, and buckets are never made."""

    def read(self, name: str, most: int) -> bytes:
        """The content of an object.

        :param most: the bytes that it may have.
        :raises TooLargeError: it has more.
        """
        with self.filesystem.open_input_file(self._locate(name)) as file:  # one request; a stream takes one per 256 kB
            if file.size() > most:
                raise TooLargeError(self._locate(name), file.size(), most)
            content: bytes = file.read()
            return content

    def write(self, name: str, content: bytes) -> None:
        """Put an object, replacing what had this name."""
        with self.filesystem.open_output_stream(self._locate(name)) as stream:
            stream.write(content)

    def append(self, name: str, line: str) -> None:
        """Add a line to an object that one process writes at a time, by putting it anew.

        Its content is kept, so that it is read again only where another process has written to it.
        """
        with self._lock:
            before = self._appended.get(name)
            size = self.get_size(name) or 0
            if before is None or size != len(before):
                before = self.read(name, most=size) if size else b""
            content = before + line.encode() + b"\n"
            self.write(name, content)
            self._appended[name] = content

    def _get_info(self, name: str) -> fs.FileInfo:
        return self.filesystem.get_file_info(self._locate(name))

    def exists(self, name: str) -> bool:
        """Whether an object has this name, or a name below it."""
        return bool(
            self._get_info(name).type != fs.FileType.NotFound
            or (self._flat and self._list_entries(name, recursive=True))
        )

    def get_size(self, name: str) -> int | None:
        """The bytes of an object; null where there is none."""
        info = self._get_info(name)
        return int(info.size) if info.type == fs.FileType.File else None

    def get_change_time(self, name: str) -> float | None:
        """When an object was put, in seconds since 1970 by the clock of the service; null where there is none."""
        changed = self._get_info(name).mtime_ns
        return changed / 1e9 if changed else None

    def _list_entries(self, folder: str, *, recursive: bool = False) -> list[fs.FileInfo]:
        selector = fs.FileSelector(self._locate(folder), recursive=recursive, allow_not_found=True)
        return list(self.filesystem.get_file_info(selector))

    def list_names(self, folder: str) -> list[str]:
        """What is in a folder; none where nothing is."""
        if self._flat:
            found = list({name.partition("/")[0]: None for name in self.list_sizes(folder)})
        else:
            found = [info.base_name for info in self._list_entries(folder)]
        if not found:
            self._check_bucket()
        return found

    def _check_bucket(self) -> None:
        """:raises OSError: there is no such bucket, in which nothing can be either."""
        bucket = self.root.partition("/")[0]
        try:
            there = self.filesystem.get_file_info(bucket).type != fs.FileType.NotFound
        except OSError:
            return  # who may only list a prefix may not ask
        if not there:
            raise OSError(f"NO_SUCH_BUCKET: {bucket}")

    def list_sizes(self, name: str) -> dict[str, int]:
        """The bytes of each object below a folder by its name inside; of an object, its own under an empty name."""
        info = self._get_info(name)
        if info.type == fs.FileType.File:
            return {"": int(info.size)}
        start = len(self._locate(name)) + 1
        found = self._list_entries(name, recursive=True)
        return {info.path[start:]: int(info.size) for info in found if info.type == fs.FileType.File}

    def publish(self, draft: Path, folder: str, last: str, *, replace: bool) -> bool:
        """Put the files of a local folder, the record last; false where another process was first."""
        if not replace and self.exists(f"{folder}/{last}"):
            return False
        for file in sorted(draft.iterdir(), key=lambda file: file.name == last):
            self.write(f"{folder}/{file.name}", file.read_bytes())
        return True

    def move(self, folder: str, aside: str) -> None:
        """Give what is below a folder another name.

        :raises FileNotFoundError: nothing is below it.
        """
        names = sorted(self.list_sizes(folder))
        if not names:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
        for name in names:
            self.filesystem.copy_file(self._locate(f"{folder}/{name}"), self._locate(f"{aside}/{name}"))
        self.remove(folder)

    def remove(self, name: str) -> None:
        """Remove an object or everything below a folder, if it is there."""
        info = self._get_info(name)
        with suppress(FileNotFoundError):  # another process was first
            if info.type == fs.FileType.File:
                self.filesystem.delete_file(self._locate(name))
            elif self._flat:
                for part in sorted(self.list_sizes(name)):
                    self.filesystem.delete_file(self._locate(f"{name}/{part}"))
            elif info.type == fs.FileType.Directory:
                self.filesystem.delete_dir(self._locate(name))
