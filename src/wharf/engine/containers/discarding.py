"""Limits that this kernel's control groups cannot keep: left out of a request, with dockerd's words about it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from wharf.apitypes.containers import HostConfig
from wharf.linux.cgroup_features import CgroupFeatures

_UNLIMITED: Final = -1


@dataclass(frozen=True, slots=True)
class _Limit:
    """What a request's members become without the feature. `asked` tells a request that would be changed by that."""

    feature: str
    warning: str
    without: Mapping[str, object]
    asked: Callable[[HostConfig], object]


def _limit(
    feature: str, what: str, end: str, asked: Callable[[HostConfig], object] | None = None, **without: object
) -> _Limit:
    first = next(iter(without))
    warning = f"Your kernel does not support {what} or the cgroup is not mounted. {end}"
    return _Limit(feature, warning, without, asked or (lambda host: _is_something(getattr(host, first))))


def _is_something(value: object) -> bool:
    return value > 0 if isinstance(value, int) else bool(value)


_SWAPS: Final = "Memory limited without swap."
_LIMITS: Final = (
    _limit("memory", "memory limit capabilities", "Limitation discarded.", memory=0, memory_swap=_UNLIMITED),
    _limit(
        "swap",
        "swap limit capabilities",
        _SWAPS,
        lambda host: host.memory > 0 and host.memory_swap != _UNLIMITED,
        memory_swap=_UNLIMITED,
    ),
    _limit(
        "swappiness",
        "memory swappiness capabilities",
        "Memory swappiness discarded.",
        lambda host: host.memory_swappiness is not None,
        memory_swappiness=None,
    ),
    _limit("memory_reservation", "memory soft limit capabilities", "Limitation discarded.", memory_reservation=0),
    _Limit(
        "oom_kill_disable",
        "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
        {"oom_kill_disable": None},
        lambda host: host.oom_kill_disable,
    ),
    _limit("pids", "PIDs limit capabilities", "PIDs limit discarded.", pids_limit=None),
    _limit("cpu_shares", "CPU shares", "Shares discarded.", cpu_shares=0),
    _Limit(
        "cpu_quota",
        "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
        {"cpu_period": 0, "cpu_quota": 0},
        lambda host: host.cpu_period or host.cpu_quota,
    ),
    _limit(
        "cpuset",
        "cpuset",
        "Cpuset discarded.",
        lambda host: host.cpuset_cpus or host.cpuset_mems,
        cpuset_cpus="",
        cpuset_mems="",
    ),
    _limit("io_weight", "Block I/O weight", "Weight discarded.", blkio_weight=0),
    _limit("io_weight_device", "Block I/O weight_device", "Weight-device discarded.", blkio_weight_device=[]),
    _limit("io_limits", "BPS Block I/O read limit", "Block I/O BPS read limit discarded.", blkio_device_read_bps=[]),
    _limit("io_limits", "BPS Block I/O write limit", "Block I/O BPS write limit discarded.", blkio_device_write_bps=[]),
    _limit("io_limits", "IOPS Block read limit", "Block I/O IOPS read limit discarded.", blkio_device_read_iops=[]),
    _limit("io_limits", "IOPS Block write limit", "Block I/O IOPS write limit discarded.", blkio_device_write_iops=[]),
    _Limit(
        "namespaces",
        "Your kernel does not support cgroup namespaces.  Cgroup namespace setting discarded.",
        {"cgroupns_mode": "host"},
        lambda host: host.cgroupns_mode == "private",
    ),
)


def without_lacking(host: HostConfig, features: CgroupFeatures) -> tuple[HostConfig, list[str]]:
    """The request without what needs a feature that is not there, and a warning for each thing left out."""
    warnings = []
    for limit in _LIMITS:
        if not getattr(features, limit.feature) and limit.asked(host):
            warnings.append(limit.warning)
            host = msgspec.structs.replace(host, **limit.without)
    if not features.oom_kill_disable:
        # Also who asked to keep the OOM killer is shown that there was no choice.
        host = msgspec.structs.replace(host, oom_kill_disable=None)
    if host.cpu_percent:
        warnings.append("linux does not support CPU percent. Percent discarded.")
        host = msgspec.structs.replace(host, cpu_percent=0)
    return host, warnings
