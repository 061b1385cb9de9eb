"""The content store: one file per blob, named by the digest of its bytes."""

import os
import time
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from wharf.errors import InvalidArgument, NotFound
from wharf.spec.digest import Digest

#: How long a partial download stays for another try.
_PARTIAL_KEPT: Final = 7 * 24 * 3600.0  # seconds
_CHUNK: Final = 256 * 1024


class ContentStore:
    """Blobs under `root`. A blob that is visible is complete and was verified; writers work on partial files."""

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs" / "sha256"
        self._ingest = root / "ingest"
        self._removals = ThreadPoolExecutor(1, thread_name_prefix="remove-blobs")

    def open(self) -> None:
        """Makes the directories, and forgets partial files that nobody came back for."""
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._ingest.mkdir(mode=0o700, parents=True, exist_ok=True)
        oldest = time.time() - _PARTIAL_KEPT
        for entry in os.scandir(self._ingest):
            if entry.stat(follow_symlinks=False).st_mtime < oldest or not entry.name.startswith("sha256-"):
                Path(entry.path).unlink(missing_ok=True)

    def path(self, digest: Digest) -> Path:
        """Where the blob is, or will be."""
        return self._blobs / digest.encoded

    def has(self, digest: Digest) -> bool:
        return self.path(digest).exists()

    def size(self, digest: Digest) -> int:
        """Bytes of a blob. Raises NotFound."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            raise NotFound(f"content {digest} not found") from None

    def read(self, digest: Digest) -> bytes:
        """A small blob: a config or a manifest. Raises NotFound."""
        try:
            return self.path(digest).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"content {digest} not found") from None

    def chunks(self, digest: Digest) -> Iterator[bytes]:
        """The bytes of a large blob. Raises NotFound."""
        try:
            file = self.path(digest).open("rb", buffering=0)
        except FileNotFoundError:
            raise NotFound(f"content {digest} not found") from None
        with file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def put(self, data: bytes) -> Digest:
        """Stores a small blob."""
        digest = Digest.of(data)
        if not self.has(digest):
            partial = self.scratch()
            partial.write_bytes(data)
            partial.rename(self.path(digest))
        return digest

    def put_verified(self, data: bytes, expected: Digest) -> None:
        """Stores a small blob that must have the given name. Raises InvalidArgument when it has another."""
        if Digest.of(data) != expected:
            raise InvalidArgument(f"content does not have the digest {expected}")
        self.put(data)

    def partial(self, digest: Digest) -> Path:
        """The file in which a blob arrives; what it has already may be continued by anyone."""
        return self._ingest / f"sha256-{digest.encoded}"

    def scratch(self) -> Path:
        """A new name for a file that becomes a blob, or does not outlive the daemon."""
        return self._ingest / f"new-{os.urandom(8).hex()}"

    def adopt(self, file: Path, digest: Digest) -> None:
        """Makes a complete file visible. The caller has verified that its bytes have this digest."""
        file.rename(self.path(digest))

    def keep_only(self, roots: Set[str]) -> int:
        """Removes every blob whose hex digest is not in `roots`; gives the bytes that become free.

        They are out of sight at once. Large files take their time, so a thread frees them.
        """
        freed = 0
        for entry in os.scandir(self._blobs):
            if entry.name not in roots:
                with suppress(FileNotFoundError):
                    freed += entry.stat(follow_symlinks=False).st_size
                    doomed = self.scratch()
                    Path(entry.path).rename(doomed)
                    self._removals.submit(doomed.unlink, missing_ok=True)
        return freed

    def total(self) -> int:
        """Bytes of all blobs."""
        return sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(self._blobs))
