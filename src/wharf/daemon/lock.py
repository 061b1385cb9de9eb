"""One daemon for each data-root, exec-root and pidfile: locks that the kernel drops when their holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from wharf.errors import Conflict, EngineError


@contextmanager
def held(data_root: Path, exec_root: Path, pidfile: Path) -> Iterator[None]:
    """Holds all three, and our pid in the pidfile, while the block runs. Raises Conflict when another daemon does."""
    with ExitStack() as stack:
        for name, directory in (("data-root", data_root), ("exec-root", exec_root)):
            _make(directory)
            stack.enter_context(_locked(directory / "wharfd.lock", f"the {name} {directory}"))
        _make(pidfile.parent)
        stack.enter_context(_locked(pidfile, f"the pidfile {pidfile}"))
        pidfile.write_text(f"{os.getpid()}\n")
        stack.callback(pidfile.unlink, missing_ok=True)
        yield


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"cannot make {directory}: {error.strerror}") from None


@contextmanager
def _locked(path: Path, what: str) -> Iterator[None]:
    try:
        # Not truncated: the pid of who holds it is in there.
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise EngineError(f"cannot open {path}: {error.strerror}") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    except BlockingIOError:
        holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
        raise Conflict(f"another wharfd (pid {holder}) uses {what}") from None
    finally:
        os.close(fd)
