"""The namespaces of containers that run, held open: what is a container's stays so, whatever becomes of its pid."""

import os
from pathlib import Path

from wharf.linux import pidfd
from wharf.runtime import records


def opened(bundle: Path, kind: str) -> int | None:
    """A descriptor of a namespace (`net`, `pid`, `mnt` …) of the container's process; None when none runs."""
    started = records.read(bundle, records.STARTED)
    if started is None:
        return None
    process = pidfd.open_same(started["pid"], started["start_time"])
    if process is None:
        return None
    try:
        namespace = os.open(f"/proc/{started['pid']}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
        if pidfd.has_ended(process):  # then the number may have been another's already
            os.close(namespace)
            return None
        return namespace
    except OSError:
        return None
    finally:
        os.close(process)


def opened_user(bundle: Path) -> int | None:
    """A descriptor of the container's user namespace; None when that is our own, or nothing runs."""
    namespace = opened(bundle, "user")
    if namespace is not None and os.path.samestat(os.fstat(namespace), Path("/proc/self/ns/user").stat()):
        os.close(namespace)
        return None
    return namespace


def path_of(descriptor: int) -> str:
    """By what name other processes open it, as long as it is open here."""
    return f"/proc/{os.getpid()}/fd/{descriptor}"
