"""A blob while it arrives: one side writes, the other reads along and never overtakes."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from wharf.errors import EngineError, InvalidArgument

_CHUNK: Final = 1 << 18


class Arrival:
    """The partial file of a blob. What an earlier try left is there from the beginning. Close it after use."""

    def __init__(self, path: Path, size: int) -> None:
        self.size = size  # bytes of the complete blob
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._changed = threading.Condition()
        self._error: BaseException | None = None  # why no more will come
        self.available = os.fstat(self._file).st_size
        if self.available > size:
            self.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        os.close(self._file)

    def forget(self) -> None:
        """Begins again: what was there is not what it should be. Only while nobody reads."""
        os.ftruncate(self._file, 0)
        self.available = 0
        self._error = None

    def write(self, data: bytes) -> None:
        """Adds what came. Raises InvalidArgument for more than the blob's size, EngineError when the disk is full."""
        if self.available + len(data) > self.size:
            raise InvalidArgument(f"the registry sent more than the {self.size} bytes of the blob")
        view = memoryview(data)
        position = self.available
        try:
            while view:
                written = os.pwrite(self._file, view, position)
                view, position = view[written:], position + written
        except OSError as error:
            raise EngineError(f"write {self._path}: {(error.strerror or '').lower()}") from error
        with self._changed:
            self.available = position
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """There will be no more: readers raise `error`."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def chunks(self) -> Iterator[bytes]:
        """All bytes from the beginning, as they come. Blocks: for a thread."""
        position = 0
        while position < self.size:
            with self._changed:
                while self.available <= position and self._error is None:
                    self._changed.wait()
                if self._error is not None:
                    raise self._error
                until = self.available
            while position < until:
                chunk = os.pread(self._file, min(_CHUNK, until - position), position)
                position += len(chunk)
                yield chunk
