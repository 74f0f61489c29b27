"""A storage folder: bytes by name, on a local disk or on any filesystem that Arrow knows.

Whatever is written appears whole or not at all: locally under a temporary name that is renamed, on an object store
because a put is atomic. A folder of files on an object store is whole once its last file, the record, is there.
What fails and may pass, such as a lost connection, is tried again for a bounded time.
"""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pyarrow import fs

from tasks.errors import StorageError, StorageRefusedError, UnreadableError, UsageError
from tasks.local_paths import parse_local_path
from tasks.paths import CORRUPT, MARKER, is_temporary
from tasks.storage.documents import Document, parse_document
from tasks.storage.local_folder import LocalFolder
from tasks.storage.object_store import ObjectStore
from tasks.storage.retrying import AT_THE_START, find_reason, get_storage_timeout, retry_patiently
from tasks.storage.uri import is_uri, open_uri, redact_uri
from tasks.temporary import make_temporary_folder, remove_temporary_folder

MOST_BYTES = 1_000_000_000
"""Of a file of which nothing else is known: the rows of 10 million trials, the faults of a sweep."""


@dataclass(frozen=True)
class Storage:
    """One storage folder. Names are relative, with `/` between parts, and never lead out of it."""

    uri: str
    """As the user wrote it, an absolute path where it is local; it holds no secret."""
    files: LocalFolder | ObjectStore
    timeout: float
    """Seconds for which an operation is tried again."""

    @property
    def filesystem(self) -> fs.FileSystem:
        """For Arrow's readers, together with `path`."""
        return self.files.filesystem

    @property
    def local(self) -> Path | None:
        """The folder on this machine; null on an object store."""
        return Path(self.files.root) if isinstance(self.files, LocalFolder) else None

    def path(self, name: str) -> str:
        """The full path of a name, for Arrow's readers."""
        return f"{self.files.root}/{_check_inside(name)}"

    def describe_place(self, name: str) -> str:
        """Where something is, for people: a path, or a URI without its options."""
        return self.path(name) if self.local else f"{redact_uri(self.uri).rstrip('/')}/{_check_inside(name)}"

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """The content of a file.

        :param most: the bytes that it may have; a file of gigabytes may take no room on a disk, and all of a memory.
        :raises FileNotFoundError: it is not there.
        :raises UnreadableError: it may not be read, it is no file, or too large, which `TooLargeError` says.
        """
        content: bytes = self._look(partial(self.files.read, most=most), name)
        return content

    def read_document(self, name: str, shape: type[Document]) -> dict[str, Any]:
        """The content of a JSON document.

        :raises FileNotFoundError: it is not there.
        :raises UnreadableError: it may not be read, it is no file, too large, or its content has another shape.
        """
        return parse_document(self.read(name, shape.most_bytes), shape, self.describe_place(name))

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole, replacing what had this name."""
        self._do(self.files.write, _check_inside(name), content)

    def append(self, name: str, line: str) -> None:
        """Add a line to a file that this process alone writes."""
        self._do(self.files.append, _check_inside(name), line)

    def exists(self, name: str) -> bool:
        """Whether a file or folder has this name, or a link, wherever that leads."""
        return bool(self._look(self.files.exists, name))

    def get_size(self, name: str) -> int | None:
        """The bytes of a file; null where there is none."""
        found: int | None = self._look(self.files.get_size, name)
        return found

    def get_change_time(self, name: str) -> float | None:
        """When a file was written, in seconds since 1970 by the clock of the storage; null where there is none."""
        found: float | None = self._look(self.files.get_change_time, name)
        return found

    def list_sizes(self, name: str) -> dict[str, int]:
        """The bytes of each file below a folder by its name inside; of a file, its own under an empty name."""
        found: dict[str, int] = self._look(self.files.list_sizes, name)
        return found

    def list_names(self, folder: str) -> list[str]:
        """The names in a folder, sorted, without what is still being written; none where there is no folder."""
        return sorted(name for name in self._look(self.files.list_names, folder) if not is_temporary(name))

    def make_scratch_folder(self) -> Path:
        """A new folder on this machine, in which files are written before `publish` shows them."""
        return make_temporary_folder()

    def publish(self, draft: Path, folder: str, last: str, *, replace: bool = False) -> bool:
        """Show the files of a scratch folder under a name; false where another process was first, whose files stay.

        :param last: the file whose presence says that the folder is whole; on an object store it is sent last.
        :param replace: put aside what has this name, rather than keep it.
        """
        try:
            return bool(self._do(partial(self.files.publish, replace=replace), draft, _check_inside(folder), last))
        finally:
            remove_temporary_folder(draft)

    def set_aside(self, folder: str, name: str) -> str:
        """Move a folder to the corrupt ones; returns its new name.

        :raises FileNotFoundError: it is not there, perhaps because another process moved it.
        """
        aside = f"{CORRUPT}/{name}-{time.strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:4]}"
        self._do(self.files.move, _check_inside(folder), _check_inside(aside))
        return aside

    def remove(self, name: str) -> None:
        """Remove a file or a whole folder, if it is there."""
        if not _check_inside(name):
            raise UsageError(f"{self.uri}: a storage is not removed as a whole")
        self._do(self.files.remove, name)

    def _look(self, call: Any, name: str) -> Any:
        """Call what only reads.

        :raises UnreadableError: the name may not be read, or is a file where a folder is meant.
        """
        try:
            return self._retry(call, _check_inside(name))
        except (PermissionError, NotADirectoryError) as error:
            raise UnreadableError(f"{self.describe_place(name)}: {find_reason(error)}") from error

    def _do(self, call: Any, *arguments: Any) -> Any:
        """Call what writes.

        :raises StorageRefusedError: this may not be written, or something else stands in its place.
        """
        try:
            return self._retry(call, *arguments)
        except (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError) as error:
            raise StorageRefusedError(f"{error.filename or redact_uri(self.uri)}: {find_reason(error)}") from error

    def _retry(self, call: Any, *arguments: Any) -> Any:
        """Call, again where it may help."""
        return retry_patiently(call, *arguments, seconds=self.timeout, where=redact_uri(self.uri))


def _check_inside(name: str) -> str:
    """The name itself; empty is the storage.

    :raises UsageError: it would lead out of the storage.
    """
    parts = name.split("/") if name else []
    if any(part in ("", ".", "..") for part in parts) or "\\" in name or "\0" in name:
        raise UsageError(f"{name!r} is no name in a storage: it would lead out of it")
    return name


def open_storage(uri: str | Path, *, established: bool = False) -> Storage:
    """The storage at a path or URI; nothing is created or asked.

    :param established: it was there before: should a local folder be missing or empty now, it is away, and waited for.
    :raises UsageError: no filesystem goes with the URI, it holds a secret, it is blank, or a file, or a folder that is
        no storage, stands where one is meant.
    """
    text, seconds = str(uri), get_storage_timeout()
    if not text.strip():
        raise UsageError("--storage: is empty; is a variable of the shell unset? Write `.` for the working directory")
    if is_uri(text) and not text.startswith("file://"):
        filesystem, root = open_uri(text)
        return Storage(text, ObjectStore(filesystem, root), seconds)
    folder = parse_local_path((open_uri(text)[1] or "/") if is_uri(text) else text, "--storage").absolute()
    if os.path.exists(folder) and not folder.is_dir():  # noqa: PTH110 (false where it may not be asked)
        raise UsageError(f"--storage {text}: is a file, not a folder")
    if established and _holds_other_files(folder):
        raise UsageError(f"--storage {text}: is a folder with other files, which no launch has made a storage")
    return Storage(str(folder), LocalFolder(folder, established=established), seconds)


def _holds_other_files(folder: Path) -> bool:
    """Whether there is something, and no storage; what is missing or empty may be a disk that is away."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 (the names at one moment)
    except OSError:
        return False
    return bool(names) and MARKER not in names


def find_existing(storage: Storage) -> Storage:
    """The storage, or of a local folder that is not there the nearest folder around it that is."""
    folder = storage.local
    if folder is None or storage.exists(""):
        return storage
    return open_storage(next(around for around in folder.parents if os.path.exists(around)))  # noqa: PTH110 (as below)


def check_writable(storage: Storage, name: str | None = None) -> None:
    """Write and remove a small file.

    :param name: of the storage that is meant, where this is a folder around it.
    :raises UsageError: the storage cannot be written; the message names it and the reason.
    """
    quick = replace(storage, timeout=min(storage.timeout, AT_THE_START))
    probe = f".probe-{uuid.uuid4().hex[:8]}"
    try:
        quick.write(probe, b"advsweep")
        quick.remove(probe)
    except OSError as error:
        cause = error.__cause__ if isinstance(error, StorageError) and error.__cause__ else error
        raise UsageError(
            f"--storage {redact_uri(name or storage.uri)}: cannot be written: {find_reason(cause)}"
        ) from error


def establish_storage(storage: Storage) -> None:
    """Make a storage that can be written, so that its absence is noticed later.

    :raises UsageError: it cannot be written.
    """
    check_writable(storage)
    storage.files.establish()
