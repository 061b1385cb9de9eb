"""From the limits of a request to those that control groups and processes get. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from wharf.apitypes.containers import HostConfig, ThrottleDevice, Ulimit
from wharf.runtime.bundle import BlockLimit, Resources, Rlimit

CPU_PERIOD: Final = 100_000  # microseconds; what --cpus is counted in
#: The least quota that the kernel takes, in microseconds.
_LEAST_QUOTA: Final = 1000
_UNLIMITED: Final = -1

#: Major and minor number of each block device that a limit names.
Numbers = Mapping[str, tuple[int, int]]


def resources_of(host: HostConfig, numbers: Numbers) -> Resources:
    """What the container's control group gets. `numbers` are those of devices_of()."""
    quota, period = _cpu_time(host)
    return Resources(
        memory=host.memory or None,
        memory_swap=_swap(host),
        memory_reservation=max(host.memory_reservation, 0) or None,
        memory_swappiness=None if host.memory_swappiness == -1 else host.memory_swappiness,
        oom_kill_disable=bool(host.oom_kill_disable),
        cpu_shares=host.cpu_shares or None,
        cpu_quota=quota,
        cpu_period=period,
        cpu_realtime_period=host.cpu_realtime_period or None,
        cpu_realtime_runtime=host.cpu_realtime_runtime or None,
        cpuset_cpus=host.cpuset_cpus,
        cpuset_mems=host.cpuset_mems,
        pids=host.pids_limit if host.pids_limit and host.pids_limit > 0 else None,
        blkio_weight=host.blkio_weight or None,
        blkio_weight_device=tuple(
            BlockLimit(*numbers[device.path], device.weight) for device in host.blkio_weight_device
        ),
        read_bps=_throttles(host.blkio_device_read_bps, numbers),
        write_bps=_throttles(host.blkio_device_write_bps, numbers),
        read_iops=_throttles(host.blkio_device_read_iops, numbers),
        write_iops=_throttles(host.blkio_device_write_iops, numbers),
    )


def _cpu_time(host: HostConfig) -> tuple[int | None, int | None]:
    """Quota and period in microseconds."""
    if host.nano_cpus:
        return max(host.nano_cpus * CPU_PERIOD // 10**9, _LEAST_QUOTA), CPU_PERIOD
    # A group has no quota until it is given one; crun cannot say "none" on version 1.
    return host.cpu_quota if host.cpu_quota > 0 else None, host.cpu_period or None


def _swap(host: HostConfig) -> int | None:
    """Memory and swap together. Records of other makers may not say what Docker makes of silence about it."""
    if host.memory_swap:
        return max(host.memory_swap, _UNLIMITED)
    return 2 * host.memory or None


def _throttles(limits: Iterable[ThrottleDevice], numbers: Numbers) -> tuple[BlockLimit, ...]:
    return tuple(BlockLimit(*numbers[limit.path], limit.rate) for limit in limits)


def devices_of(host: HostConfig) -> Iterator[str]:
    """The paths of all block devices that a limit of this container names."""
    yield from (device.path for device in host.blkio_weight_device)
    for throttles in (
        host.blkio_device_read_bps,
        host.blkio_device_write_bps,
        host.blkio_device_read_iops,
        host.blkio_device_write_iops,
    ):
        yield from (throttle.path for throttle in throttles)


def rlimits_of(own: Iterable[Ulimit], defaults: Iterable[Ulimit] = ()) -> tuple[Rlimit, ...]:
    """The limits of the container's processes: the last word about each, and the daemon's about the others."""
    found = {limit.name.lower(): limit for limit in (*defaults, *own)}
    return tuple(Rlimit(f"RLIMIT_{name.upper()}", limit.soft, limit.hard) for name, limit in found.items())
