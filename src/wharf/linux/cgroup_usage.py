"""What a control group has used: the kernel's counters. Versions 1, hybrid and 2.

Reading costs a few files of some dozen bytes; nothing here waits.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wharf.linux import cgroups

_TICK: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")  # nanoseconds
_PIECE: Final = 1 << 16
_CONTROLLERS: Final = ("cpu", "cpuacct", "memory", "blkio", "pids")


@dataclass(frozen=True, slots=True)
class IOCount:
    """One number of one device; `op` is what the kernel calls it, such as Read or write."""

    major: int
    minor: int
    op: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Times are nanoseconds, sizes bytes. Limits are None where there is none; lists are empty where nothing is."""

    cpu: int = 0
    cpu_user: int = 0
    cpu_system: int = 0
    each_cpu: list[int] = field(default_factory=list)  # version 1 only
    periods: int = 0
    throttled_periods: int = 0
    throttled_time: int = 0
    memory: int = 0
    most_memory: int = 0
    memory_failures: int = 0
    memory_limit: int | None = None
    memory_details: dict[str, int] = field(default_factory=dict)  # memory.stat as it is
    pids: int = 0
    pids_limit: int | None = None
    io_bytes: list[IOCount] = field(default_factory=list)
    io_operations: list[IOCount] = field(default_factory=list)


class Group:
    """A group, with its directories looked up once. A group that has gone reads as zeros."""

    def __init__(self, path: str, pid: int = 0, root: str = cgroups.ROOT) -> None:
        """`path` as in config.json; one that only systemd understands is looked up by the process `pid`."""
        self._unified = cgroups.version(root) == cgroups.V2
        by_process = {} if cgroups.is_own(path) else _groups_of(pid)
        if self._unified:
            self._directories = {"": f"{root}{by_process.get('', path)}"}
        else:
            self._directories = {name: f"{root}/{name}{by_process.get(name, path)}" for name in _CONTROLLERS}

    def usage(self) -> Usage:
        return self._version_2() if self._unified else self._version_1()

    def _version_1(self) -> Usage:
        cpu, cpuacct, memory, blkio, pids = (self._directories[name] for name in _CONTROLLERS)
        throttling = numbers(_read(f"{cpu}/cpu.stat"))
        time = numbers(_read(f"{cpuacct}/cpuacct.stat"))
        each_cpu = [int(word) for word in _read(f"{cpuacct}/cpuacct.usage_percpu").split()]
        return Usage(
            cpu=sum(each_cpu),
            cpu_user=time.get("user", 0) * _TICK,
            cpu_system=time.get("system", 0) * _TICK,
            each_cpu=each_cpu,
            periods=throttling.get("nr_periods", 0),
            throttled_periods=throttling.get("nr_throttled", 0),
            throttled_time=throttling.get("throttled_time", 0),
            memory=number(_read(f"{memory}/memory.usage_in_bytes")) or 0,
            most_memory=number(_read(f"{memory}/memory.max_usage_in_bytes")) or 0,
            memory_failures=number(_read(f"{memory}/memory.failcnt")) or 0,
            memory_limit=number(_read(f"{memory}/memory.limit_in_bytes")),
            memory_details=numbers(_read(f"{memory}/memory.stat")),
            pids=number(_read(f"{pids}/pids.current")) or 0,
            pids_limit=number(_read(f"{pids}/pids.max")),
            io_bytes=io_counts(_read(f"{blkio}/blkio.throttle.io_service_bytes_recursive")),
            io_operations=io_counts(_read(f"{blkio}/blkio.throttle.io_serviced_recursive")),
        )

    def _version_2(self) -> Usage:
        group = self._directories[""]
        time = numbers(_read(f"{group}/cpu.stat"))
        io = _read(f"{group}/io.stat")
        return Usage(
            cpu=time.get("usage_usec", 0) * 1000,
            cpu_user=time.get("user_usec", 0) * 1000,
            cpu_system=time.get("system_usec", 0) * 1000,
            periods=time.get("nr_periods", 0),
            throttled_periods=time.get("nr_throttled", 0),
            throttled_time=time.get("throttled_usec", 0) * 1000,
            memory=number(_read(f"{group}/memory.current")) or 0,
            memory_failures=numbers(_read(f"{group}/memory.events")).get("oom", 0),
            memory_limit=number(_read(f"{group}/memory.max")),
            memory_details=numbers(_read(f"{group}/memory.stat")),
            pids=number(_read(f"{group}/pids.current")) or 0,
            pids_limit=number(_read(f"{group}/pids.max")),
            io_bytes=io_stat(io, {"rbytes": "read", "wbytes": "write"}),
            io_operations=io_stat(io, {"rios": "read", "wios": "write"}),
        )


def number(text: str) -> int | None:
    """A file that holds one number; None for `max` and for nothing."""
    text = text.strip()
    return int(text) if text.isdecimal() else None


def numbers(text: str) -> dict[str, int]:
    """A file of lines `name number`."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if value.isdecimal():
            found[name] = int(value)
    return found


def io_counts(text: str) -> list[IOCount]:
    """Version 1: lines `8:0 Read 4096`; the sum at the end belongs to no device."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and ":" in words[0]:
            major, _, minor = words[0].partition(":")
            found.append(IOCount(int(major), int(minor), words[1], int(words[2])))
    return found


def io_stat(text: str, names: Mapping[str, str]) -> list[IOCount]:
    """Version 2: lines `8:0 rbytes=4096 wbytes=0 …`; `names` says which, and how they are called."""
    found = []
    for line in text.splitlines():
        device, *pairs = line.split()
        major, _, minor = device.partition(":")
        for pair in pairs:
            name, _, value = pair.partition("=")
            if name in names:
                found.append(IOCount(int(major), int(minor), names[name], int(value)))
    return found


def system_cpu_time() -> int:
    """Nanoseconds that all CPUs together have spent on anything, idling too, since boot."""
    words = _read("/proc/stat").split("\n", 1)[0].split()
    return sum(int(word) for word in words[1:8]) * _TICK


def _groups_of(pid: int) -> dict[str, str]:
    """For each controller (version 2: "") the group of a process."""
    found = {}
    for line in _read(f"/proc/{pid}/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        found.update(dict.fromkeys(names.split(","), path))
    return found


def _read(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # the group is gone, or this kernel has no such file
        return ""
    try:
        return os.read(descriptor, _PIECE).decode()
    except OSError:
        return ""
    finally:
        os.close(descriptor)
