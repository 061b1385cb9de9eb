"""Changing the limits of a control group whose processes run. Versions 1, hybrid and 2."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wharf.linux import cgroups

UNLIMITED: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None leaves a limit as it is; -1 takes it away. Sizes are bytes, times microseconds."""

    memory: int | None = None
    memory_swap: int | None = None  # memory and swap together
    memory_reservation: int | None = None
    cpu_shares: int | None = None  # 2 to 262144, as version 1 counts
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpu_realtime_period: int | None = None  # version 1 only, as is the next
    cpu_realtime_runtime: int | None = None
    cpuset_cpus: str | None = None
    cpuset_mems: str | None = None
    pids: int | None = None
    blkio_weight: int | None = None  # 10 to 1000, as version 1 counts


def changes(path: str, limits: Limits, root: str = cgroups.ROOT) -> list[tuple[str, str]]:
    """The files to write, in this order, and what. Limits for which this kernel has no file are left out."""
    if not cgroups.is_own(path):
        raise FileNotFoundError(2, "not a control group of ours", path)
    unified = cgroups.version(root) == cgroups.V2
    wanted = _version_2(f"{root}{path}", limits) if unified else _version_1(path, limits, root)
    return [(file, text) for file, text in wanted if os.path.exists(file)]  # noqa: PTH110


def write(wanted: Iterable[tuple[str, str]]) -> None:
    """Texts into files, as changes() gives them. Raises OSError with the file's name; what was written before stays."""
    for file, text in wanted:
        _write(file, text)


def grant_realtime(path: str, *, period: int, runtime: int, root: str = cgroups.ROOT) -> None:
    """Gives all groups above `path` real-time CPU time, so that it can have some. Microseconds; 0 leaves what is.

    The kernel gives a group none that its parent does not have (sched-rt-group). Version 2 has nothing of it. Raises
    OSError with the file's name.
    """
    if cgroups.version(root) == cgroups.V2 or not cgroups.is_own(path):
        return
    above = f"{root}/cpu"
    for name in path.strip("/").split("/")[:-1]:
        above = f"{above}/{name}"
        os.makedirs(above, exist_ok=True)  # noqa: PTH103
        if period and _number(f"{above}/cpu.rt_period_us") != period:
            _write(f"{above}/cpu.rt_period_us", str(period))
        if runtime > _number(f"{above}/cpu.rt_runtime_us"):
            _write(f"{above}/cpu.rt_runtime_us", str(runtime))


def _version_1(path: str, limits: Limits, root: str) -> list[tuple[str, str]]:
    memory, cpu, cpuset, blkio = (f"{root}/{name}{path}" for name in ("memory", "cpu", "cpuset", "blkio"))
    pairs = (
        _ordered(
            (f"{memory}/memory.limit_in_bytes", limits.memory),
            (f"{memory}/memory.memsw.limit_in_bytes", limits.memory_swap),
        ),
        _ordered(
            (f"{cpu}/cpu.rt_runtime_us", limits.cpu_realtime_runtime),
            (f"{cpu}/cpu.rt_period_us", limits.cpu_realtime_period),
        ),
    )
    wanted = [
        *(entry for pair in pairs for entry in pair),
        (f"{memory}/memory.soft_limit_in_bytes", limits.memory_reservation),
        (f"{cpu}/cpu.shares", limits.cpu_shares),
        (f"{cpu}/cpu.cfs_period_us", limits.cpu_period),
        (f"{cpu}/cpu.cfs_quota_us", limits.cpu_quota),
        (f"{cpuset}/cpuset.cpus", limits.cpuset_cpus),
        (f"{cpuset}/cpuset.mems", limits.cpuset_mems),
        (f"{root}/pids{path}/pids.max", _or_max(limits.pids)),
        (f"{blkio}/blkio.weight", limits.blkio_weight),
        (f"{blkio}/blkio.bfq.weight", limits.blkio_weight),
    ]
    return [(file, str(value)) for file, value in wanted if value is not None]


_Write = tuple[str, int | None]


def _ordered(lower: _Write, upper: _Write) -> tuple[_Write, _Write]:
    """Two limits in the order in which they can be written: the kernel never lets `lower` be above `upper`."""
    value = lower[1]
    rises = value is not None and (value == UNLIMITED or value > _number(upper[0]))
    return (upper, lower) if rises else (lower, upper)


def _version_2(group: str, limits: Limits) -> list[tuple[str, str]]:
    wanted: list[tuple[str, object]] = [
        ("memory.max", _or_max(limits.memory)),
        ("memory.swap.max", _swap_alone(limits)),
        ("memory.low", _or_max(limits.memory_reservation)),
        ("cpu.weight", None if limits.cpu_shares is None else weight_of_shares(limits.cpu_shares)),
        ("cpu.max", _cpu_max(group, limits)),
        ("cpuset.cpus", limits.cpuset_cpus),
        ("cpuset.mems", limits.cpuset_mems),
        ("pids.max", _or_max(limits.pids)),
        ("io.bfq.weight", limits.blkio_weight),
        ("io.weight", None if limits.blkio_weight is None else io_weight(limits.blkio_weight)),
    ]
    return [(f"{group}/{name}", str(value)) for name, value in wanted if value is not None]


def io_weight(weight: int) -> int:
    """A weight of version 2 (1 to 10000) for one of version 1 (10 to 1000), as the OCI runtimes convert it."""
    return 1 + (weight - 10) * 9999 // 990


def weight_of_shares(shares: int) -> int:
    """A weight of version 2 (1 to 10000) for shares of version 1 (2 to 262144), as the OCI runtimes convert it."""
    return 1 + (min(max(shares, 2), 262_144) - 2) * 9999 // 262_142


def _or_max(value: int | None) -> object:
    return "max" if value == UNLIMITED else value


def _swap_alone(limits: Limits) -> object:
    """Version 2 counts swap without memory."""
    if limits.memory_swap is None or limits.memory_swap == UNLIMITED:
        return _or_max(limits.memory_swap)
    return limits.memory_swap - limits.memory if limits.memory and limits.memory > 0 else None


def _cpu_max(group: str, limits: Limits) -> object:
    if limits.cpu_quota is None and limits.cpu_period is None:
        return None
    quota, _, period = _text(f"{group}/cpu.max").partition(" ")
    new = quota if limits.cpu_quota is None else _or_max(limits.cpu_quota)
    return f"{new} {limits.cpu_period or period or 100_000}"


def _text(path: str) -> str:
    try:
        with open(path) as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return ""


def _number(path: str) -> int:
    text = _text(path)
    return int(text) if text.isdecimal() else 1 << 63


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)
