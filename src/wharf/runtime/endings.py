"""How runs ended, as their records tell; and the end of what no shim watches any more."""

import os
import shutil
import signal as signals
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from wharf.linux import cgroups, pidfd
from wharf.runtime import records
from wharf.runtime.contract import ExitStatus

SHIM_DIED: Final = "the container's shim died"


def parse_time(text: str) -> datetime:
    """RFC 3339 as the shim writes it; nanoseconds are cut to microseconds."""
    return datetime.fromisoformat(text[:26] + "+00:00")


def exit_status(record: dict[str, Any]) -> ExitStatus:
    """The value of an exit record."""
    finished = parse_time(record["finished"])
    return ExitStatus(record["code"], finished, record["oom_killed"], record["error"], record.get("lost_log_bytes", 0))


def end_of_orphan(bundle: Path) -> ExitStatus | None:
    """The end of a container whose shim does not answer: as recorded, or made now. None when nobody knows. Blocks."""
    shim, started = records.read(bundle, records.SHIM), records.read(bundle, records.STARTED)
    if shim is not None and (fd := pidfd.open_same(shim["pid"], shim["start_time"])) is not None:
        try:
            # It may be between closing its connections and its end, or stuck: then it is no watch any more either.
            if not pidfd.has_ended(fd, 2.0):
                pidfd.send(fd, signals.SIGKILL)
                pidfd.has_ended(fd, 2.0)
        finally:
            os.close(fd)
    if record := records.read(bundle, records.EXIT):
        return exit_status(record)
    alive = started is not None and _kill_process(started["pid"], started["start_time"])
    for group in {record["cgroup"] for record in (shim, started) if record is not None}:
        alive = bool(cgroups.processes(group)) or alive
        cgroups.kill(group)
        cgroups.remove(group)
    return ExitStatus(137, datetime.now(UTC), error=SHIM_DIED) if alive else None


def _kill_process(pid: int, started: int) -> bool:
    """Kills a container's init if it is still the one that was started."""
    fd = pidfd.open_same(pid, started)
    if fd is None:
        return False
    try:
        return pidfd.send(fd, signals.SIGKILL)
    finally:
        pidfd.has_ended(fd, 5.0)
        os.close(fd)


def remove_bundle(bundle: Path) -> None:
    if (shim := records.read(bundle, records.SHIM)) is not None:
        if records.read(bundle, records.EXIT) is None:
            # A start that was cut off, by a signal for the shim or a caller that went: the runtime may be at work.
            _kill_group(shim["pid"], shim["start_time"])
            end_of_orphan(bundle)
        cgroups.remove(shim["cgroup"])
    shutil.rmtree(bundle, ignore_errors=True)


def _kill_group(shim: int, started: int) -> None:
    """Kills a shim with its starter and the runtime that it called, also when the shim itself has gone already."""
    fd = pidfd.open_same(shim, started)
    if fd is None and pidfd.start_time(shim) != 0:
        return  # the number is another's now, which it cannot be while one of the group lives
    try:
        os.killpg(shim, signals.SIGKILL)
    except ProcessLookupError:
        pass  # all gone
    finally:
        if fd is not None:
            os.close(fd)
