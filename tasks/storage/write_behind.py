"""A file that is written again and again in a thread of its own, while whoever made its content goes on."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from typing_extensions import Self

from tasks.storage.storage import Storage


class WriteBehind:
    """Writes one content after another; what fails is raised by the next write, or at the end of the block.

    The block ends, by an error too, when everything is written.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writes-behind")
        self._pending: Future[None] | None = None

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole, replacing the one before; waits until an earlier content is written.

        :raises StorageError, OSError: an earlier one could not be.
        """
        self._finish()
        self._pending = self._thread.submit(self._storage.write, name, content)

    def _finish(self) -> None:
        pending, self._pending = self._pending, None
        if pending:
            pending.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True)
        if error is None:
            self._finish()
