"""Which limits the control groups of this machine can keep, and over which CPUs and memory nodes."""

import glob
import os
from dataclasses import dataclass
from pathlib import Path

from wharf.linux import cgroups


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupFeatures:
    """True for each limit that can be kept. `cpus` and `memory_nodes` are lists such as "0-3,6"."""

    version: str  # "1" (also for hybrid hosts) or "2"
    memory: bool = False
    swap: bool = False
    memory_reservation: bool = False
    swappiness: bool = False
    oom_kill_disable: bool = False
    cpu_quota: bool = False
    cpu_shares: bool = False
    cpu_realtime: bool = False
    cpuset: bool = False
    cpus: str = ""
    memory_nodes: str = ""
    pids: bool = False
    io_weight: bool = False
    io_weight_device: bool = False
    io_limits: bool = False  # bytes and operations a second
    namespaces: bool = False


def cgroup_features(
    root: str = cgroups.ROOT, *, devices: str = "/sys/block", namespaces: str = "/proc/self/ns/cgroup"
) -> CgroupFeatures:
    """Reads a few small files; nothing here waits."""
    base, own = Path(root), os.path.lexists(namespaces)
    if cgroups.version(root) == cgroups.V2:
        return _version_2(base, own, devices)
    return _version_1(base, own)


def _version_1(root: Path, namespaces: bool) -> CgroupFeatures:
    def has(*files: str) -> bool:
        return any((root / file).exists() for file in files)

    return CgroupFeatures(
        version="1",
        memory=has("memory/memory.limit_in_bytes"),
        swap=has("memory/memory.memsw.limit_in_bytes"),
        memory_reservation=has("memory/memory.soft_limit_in_bytes"),
        swappiness=has("memory/memory.swappiness"),
        oom_kill_disable=has("memory/memory.oom_control"),
        cpu_quota=has("cpu/cpu.cfs_quota_us", "cpu,cpuacct/cpu.cfs_quota_us"),
        cpu_shares=has("cpu/cpu.shares", "cpu,cpuacct/cpu.shares"),
        cpu_realtime=has("cpu/cpu.rt_runtime_us", "cpu,cpuacct/cpu.rt_runtime_us"),
        cpuset=has("cpuset/cpuset.cpus"),
        cpus=_text(root / "cpuset/cpuset.cpus"),
        memory_nodes=_text(root / "cpuset/cpuset.mems"),
        pids=has("pids/cgroup.procs"),
        # Not blkio.bfq.weight: dockerd does not look for it, and crun does not know it.
        io_weight=has("blkio/blkio.weight"),
        io_weight_device=has("blkio/blkio.weight_device"),
        io_limits=has("blkio/blkio.throttle.read_bps_device"),
        namespaces=namespaces,
    )


def _version_2(root: Path, namespaces: bool, devices: str) -> CgroupFeatures:
    controllers = _text(root / "cgroup.controllers").split()
    cpu, memory, io = "cpu" in controllers, "memory" in controllers, "io" in controllers
    # Groups have weights where the kernel was built for io.cost, whose own files are in the root, or with BFQ. The OCI
    # runtimes give single devices a weight with BFQ only.
    schedulers = glob.iglob(f"{devices}/*/queue/scheduler")  # noqa: PTH207
    bfq = io and any("bfq" in _text(Path(file)) for file in schedulers)
    return CgroupFeatures(
        version="2",
        memory=memory,
        # Swap is counted wherever memory is, unless the kernel was told otherwise on its command line.
        swap=memory,
        memory_reservation=memory,
        cpu_quota=cpu,
        cpu_shares=cpu,
        cpuset="cpuset" in controllers,
        cpus=_text(root / "cpuset.cpus.effective"),
        memory_nodes=_text(root / "cpuset.mems.effective"),
        pids="pids" in controllers,
        io_weight=bfq or (io and (root / "io.cost.qos").exists()),
        io_weight_device=bfq,
        io_limits=io,
        namespaces=namespaces,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
