"""GET /containers/{name}/stats. Times are nanoseconds, sizes bytes; names are the wire's."""

import msgspec

from wharf.apitypes.containers import Wire

ZERO_TIME = "0001-01-01T00:00:00Z"


class CpuUsage(msgspec.Struct, frozen=True, kw_only=True):
    total_usage: int = 0
    percpu_usage: list[int] | msgspec.UnsetType = msgspec.UNSET
    usage_in_kernelmode: int = 0
    usage_in_usermode: int = 0


class ThrottlingData(msgspec.Struct, frozen=True, kw_only=True):
    periods: int = 0
    throttled_periods: int = 0
    throttled_time: int = 0


class CpuStats(msgspec.Struct, frozen=True, kw_only=True):
    """`system_cpu_usage` is the time of all CPUs since boot, idle or not."""

    cpu_usage: CpuUsage = CpuUsage()
    system_cpu_usage: int | msgspec.UnsetType = msgspec.UNSET
    online_cpus: int | msgspec.UnsetType = msgspec.UNSET
    throttling_data: ThrottlingData = ThrottlingData()


class MemoryStats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    usage: int = 0
    max_usage: int = 0
    stats: dict[str, int] = {}
    failcnt: int = 0
    limit: int = 0


class PidsStats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    current: int = 0
    limit: int = 0


class BlkioEntry(msgspec.Struct, frozen=True):
    major: int
    minor: int
    op: str
    value: int


class BlkioStats(msgspec.Struct, frozen=True, kw_only=True):
    """All but the first two have been empty since the kernel dropped them."""

    io_service_bytes_recursive: list[BlkioEntry] | None = None
    io_serviced_recursive: list[BlkioEntry] | None = None
    io_queue_recursive: list[BlkioEntry] | None = None
    io_service_time_recursive: list[BlkioEntry] | None = None
    io_wait_time_recursive: list[BlkioEntry] | None = None
    io_merged_recursive: list[BlkioEntry] | None = None
    io_time_recursive: list[BlkioEntry] | None = None
    sectors_recursive: list[BlkioEntry] | None = None


class NetworkStats(msgspec.Struct, frozen=True):
    rx_bytes: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_dropped: int = 0


class StorageStats(msgspec.Struct, frozen=True):
    """Of Windows only."""


class ContainerStats(msgspec.Struct, frozen=True, kw_only=True):
    """One sample; `precpu_stats` is the one before."""

    read: str = ZERO_TIME
    preread: str = ZERO_TIME
    pids_stats: PidsStats = PidsStats()
    blkio_stats: BlkioStats = BlkioStats()
    num_procs: int = 0
    storage_stats: StorageStats = StorageStats()
    cpu_stats: CpuStats = CpuStats()
    precpu_stats: CpuStats = CpuStats()
    memory_stats: MemoryStats = MemoryStats()
    name: str
    id: str
    os_type: str = "linux"
    networks: dict[str, NetworkStats] | msgspec.UnsetType = msgspec.UNSET


class Updated(Wire, frozen=True, kw_only=True):
    """POST /containers/{name}/update. Without warnings dockerd says null."""

    warnings: list[str] | None = None
