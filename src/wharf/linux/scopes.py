"""Limits of running groups that may be systemd's.

A scope's limits hold for all that is below it, and systemd writes those that it knows again whenever it reads its units
anew. So where it made the group it is told, too, as the OCI runtimes tell it at the start.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator
from typing import Final

from wharf.linux import cgroup_limits, cgroups

_UNLIMITED: Final = 2**64 - 1
_HUNDREDTH: Final = 10_000  # microseconds of a second: what systemd keeps of a processor's time
#: Numbers that systemd keeps under other names.
_NUMBERS: Final = {
    "memory.max": "MemoryMax",
    "memory.swap.max": "MemorySwapMax",
    "memory.low": "MemoryLow",
    "cpu.weight": "CPUWeight",
    "pids.max": "TasksMax",
    "io.weight": "IOWeight",
}
_SETS: Final = {"cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes"}

Property = tuple[str, tuple[str, object]]  # its name; its type and value, as D-Bus has them


async def set_limits(path: str, id: str, limits: cgroup_limits.Limits) -> None:
    """Of a container's group. Raises OSError with the file's name, or BusError; what was set before stays."""
    changes = cgroup_limits.changes(path, limits)
    scope = scope_of(path, id)
    if scope and cgroups.version() == cgroups.V2 and (told := list(properties(changes))):
        await _tell_systemd(scope, told)
    await asyncio.to_thread(cgroup_limits.write, changes)


def scope_of(path: str, id: str) -> str:
    """The scope that systemd made for a container, which its group is, or is in; "" where it made none for it.

    The parent may be somebody else's scope, and a container can make groups of any name in its own.
    """
    return next((name for name in path.split("/") if name.endswith(f"-{id}.scope")), "")


def properties(changes: Iterable[tuple[str, str]]) -> Iterator[Property]:
    """What systemd is to know of texts that are written into files of version 2."""
    for file, text in changes:
        name = os.path.basename(file)  # noqa: PTH119
        if name in _NUMBERS:
            yield _NUMBERS[name], ("t", _number(text))
        elif name in _SETS:
            yield _SETS[name], ("ay", _bits(text))
        elif name == "cpu.max":
            quota, period = text.split()
            share = _UNLIMITED if quota == "max" else int(quota) * 1_000_000 // int(period)
            # Rounded up, as the OCI runtimes do: less would be less than was promised.
            yield "CPUQuotaPerSecUSec", ("t", min(-(-share // _HUNDREDTH) * _HUNDREDTH, _UNLIMITED))
            yield "CPUQuotaPeriodUSec", ("t", int(period))


def _number(text: str) -> int:
    return _UNLIMITED if text == "max" else int(text)


def _bits(text: str) -> bytes:
    """A list such as "0-3,6", one bit for each."""
    bits = 0
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        for number in range(int(first), int(last or first) + 1):
            bits |= 1 << number
    return bits.to_bytes(-(-bits.bit_length() // 8), "little")


async def _tell_systemd(scope: str, told: list[Property]) -> None:
    from wharf.linux.system_bus import Interface, SystemBus

    name = "org.freedesktop.systemd1"
    bus = await SystemBus.open()
    try:
        manager = Interface(name, "/org/freedesktop/systemd1", f"{name}.Manager")
        is_runtime = True  # until the scope ends
        await bus.call(manager, "SetUnitProperties", "sba(sv)", scope, is_runtime, told)
    finally:
        await bus.close()
