"""What a container may ask of memory, CPUs, processes and block devices, in dockerd's words. Pure.

Nonsense is refused. What the kernel's control groups cannot keep is left out, with a warning for the client.
"""

import re
from typing import Final

import msgspec

from wharf.apitypes.containers import HostConfig
from wharf.engine.containers.discarding import without_lacking
from wharf.errors import InvalidArgument
from wharf.linux.cgroup_features import CgroupFeatures

SMALLEST_MEMORY: Final = 6 << 20
MOST_CPUS: Final = 8192  # what the kernel itself can be built for
_UNLIMITED: Final = -1
_MOST: Final = 2**63 - 1
#: What `ulimit` of a container can be about, as setrlimit(2) has it.
ULIMITS: Final = frozenset(
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack as".split()
)


def keepable(
    host: HostConfig, features: CgroupFeatures, *, cpus: int, update: bool = False
) -> tuple[HostConfig, list[str]]:
    """The request with what this machine can keep of it, and a warning for each thing that it cannot.

    `cpus` are the machine's. An update may name swap alone: the container has its limit of memory already.
    Raises InvalidArgument for limits that no container can have.
    """
    host = _normal(host, update=update)
    _check_asked(host, features)
    host, warnings = without_lacking(host, features)
    _check_memory(host, update=update)
    if host.oom_kill_disable and not host.memory:
        warnings.append(
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources."
        )
    _check_cpu(host, features, cpus)
    _check_cpuset(host, features)
    _check_io(host)
    if not -1000 <= host.oom_score_adj <= 1000:
        raise InvalidArgument(f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    if host.shm_size < 0:
        raise InvalidArgument("SHM size can not be less than 0")
    _check_ulimits(host)
    return host, warnings


def _normal(host: HostConfig, *, update: bool) -> HostConfig:
    """The several ways to ask for nothing are one; an update of the most processes to none is no silence about it."""
    pids = host.pids_limit
    if pids is not None and pids <= 0:
        pids = 0 if update else None
    swap = host.memory_swap
    if swap == 0 and host.memory > 0 and not update:
        # Docker's rule: without a word about swap, a container may use as much of it as of memory.
        swap = min(2 * host.memory, _MOST)
    swappiness = None if host.memory_swappiness == -1 else host.memory_swappiness
    return msgspec.structs.replace(host, memory_swap=swap, memory_swappiness=swappiness, pids_limit=pids)


def _check_asked(host: HostConfig, features: CgroupFeatures) -> None:
    """What is refused whether or not the kernel could keep it."""
    if host.memory and host.memory < SMALLEST_MEMORY:
        raise InvalidArgument("Minimum memory limit allowed is 6MB")
    if host.nano_cpus and not features.cpu_quota:
        raise InvalidArgument(
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted"
        )
    if (host.cpu_realtime_period or host.cpu_realtime_runtime) and not features.cpu_realtime:
        raise InvalidArgument("kernel does not support CPU real-time scheduler")
    for value, what in ((host.io_maximum_bandwidth, "bandwidth"), (host.io_maximum_iops, "IOPs")):
        if value:
            raise InvalidArgument(f"invalid option: QoS maximum {what} configuration is not supported on linux")


def _check_memory(host: HostConfig, *, update: bool) -> None:
    if host.memory > 0 and 0 < host.memory_swap < host.memory:
        raise InvalidArgument("Minimum memoryswap limit should be larger than memory limit, see usage")
    if not host.memory and host.memory_swap > 0 and not update:
        raise InvalidArgument("You should always set the Memory limit when using Memoryswap limit, see usage")
    if host.memory_swappiness is not None and not 0 <= host.memory_swappiness <= 100:
        raise InvalidArgument(f"Invalid value: {host.memory_swappiness}, valid memory swappiness range is 0-100")
    if 0 < host.memory_reservation < SMALLEST_MEMORY:
        raise InvalidArgument("Minimum memory reservation allowed is 6MB")
    if 0 < host.memory < host.memory_reservation:
        raise InvalidArgument("Minimum memory limit can not be less than memory reservation limit, see usage")


def _check_cpu(host: HostConfig, features: CgroupFeatures, cpus: int) -> None:
    if host.nano_cpus > 0 and host.cpu_period > 0:
        raise InvalidArgument("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if host.nano_cpus > 0 and host.cpu_quota > 0:
        raise InvalidArgument("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if not 0 <= host.nano_cpus <= cpus * 10**9:
        raise InvalidArgument(f"range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available")
    if host.cpu_shares < 0:
        raise InvalidArgument(f"invalid CPU shares ({host.cpu_shares}): value must be a positive integer")
    if host.cpu_period and not 1000 <= host.cpu_period <= 1_000_000:
        raise InvalidArgument("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if 0 < host.cpu_quota < 1000:
        raise InvalidArgument("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    period, runtime = host.cpu_realtime_period, host.cpu_realtime_runtime
    if period < 0 or runtime < 0:
        raise InvalidArgument("cpu real-time period and runtime cannot be negative")
    if period and runtime > period:
        raise InvalidArgument("cpu real-time runtime cannot be higher than cpu real-time period")


def _check_cpuset(host: HostConfig, features: CgroupFeatures) -> None:
    for what, name, asked, available in (
        ("cpus", "CPUs", host.cpuset_cpus, features.cpus),
        ("mems", "memory nodes", host.cpuset_mems, features.memory_nodes),
    ):
        if not asked:
            continue
        try:
            wanted = parse_list(asked)
        except ValueError as error:
            raise InvalidArgument(f"Invalid value {asked} for cpuset {what}: {error}") from None
        if not wanted <= parse_list(available):
            raise InvalidArgument(f"Requested {name} are not available - requested {asked}, available: {available}")


def _check_io(host: HostConfig) -> None:
    if host.blkio_weight and not 10 <= host.blkio_weight <= 1000:
        raise InvalidArgument("Range of blkio weight is from 10 to 1000")
    for device in host.blkio_weight_device:
        if device.weight and not 10 <= device.weight <= 1000:
            raise InvalidArgument(f"invalid weight for device: {device.path}:{device.weight}")


def _check_ulimits(host: HostConfig) -> None:
    for limit in host.ulimits:
        if limit.name.lower() not in ULIMITS:
            raise InvalidArgument(f"invalid ulimit type: {limit.name}")
        soft, hard = (_UNLIMITED if value < 0 else value for value in (limit.soft, limit.hard))
        if hard != _UNLIMITED and (soft > hard or soft == _UNLIMITED):
            found = f"soft: -1 (unlimited), hard: {hard}" if soft == _UNLIMITED else f"{soft} > {hard}"
            raise InvalidArgument(f"ulimit soft limit must be less than or equal to hard limit: {found}")


_RANGE: Final = re.compile(r"([0-9]+)(?:-([0-9]+))?")


def parse_list(text: str) -> frozenset[int]:
    """The numbers of a list such as "0-2,5". Raises ValueError in dockerd's words."""
    found: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise ValueError(f"invalid format: {text}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last > MOST_CPUS:
            raise ValueError(f"value of out range, maximum is {MOST_CPUS}")
        found.update(range(first, last + 1))
    return frozenset(found)
