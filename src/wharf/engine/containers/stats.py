"""What a running container uses: `docker stats`."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from wharf.apitypes.stats import (
    BlkioEntry,
    BlkioStats,
    ContainerStats,
    CpuStats,
    CpuUsage,
    MemoryStats,
    NetworkStats,
    PidsStats,
    ThrottlingData,
)
from wharf.engine.containers.bundling import network_kind
from wharf.engine.containers.record import ALIVE, Container
from wharf.engine.containers.running import Lives, timestamp
from wharf.engine.containers.store import ContainerStore
from wharf.linux import interfaces
from wharf.linux.cgroup_usage import Group, IOCount, Usage, system_cpu_time
from wharf.linux.host import memory_total

INTERVAL: Final = 1.0  # seconds between samples


@dataclass(frozen=True, slots=True)
class Sample:
    """All counters at one moment."""

    moment: datetime
    usage: Usage
    system_cpu: int
    cpus: int
    traffic: dict[str, interfaces.Traffic] | None  # None where the network is not the container's own


class Statistics:
    """Samples of containers. Who asks reads the counters; nobody collects for those who do not ask."""

    def __init__(self, store: ContainerStore, lives: Lives) -> None:
        self._store = store
        self._lives = lives
        self._memory = memory_total()

    def watch(self, ref: str, *, stream: bool = True, one_shot: bool = False) -> AsyncIterator[ContainerStats]:
        """A sample each second until the container is removed; without `stream` one, which took a second.

        `one_shot` saves that second, and its sample has nothing to be compared with. Of a container that does not run
        all is 0. Raises NoSuchContainer at once.
        """
        container = self._store.find(ref)
        return self._follow(container.id) if stream else self._once(container, one_shot=one_shot)

    async def _once(self, container: Container, *, one_shot: bool) -> AsyncIterator[ContainerStats]:
        before = None if one_shot else self._sample(container)
        if before is not None:
            await asyncio.sleep(INTERVAL)
        yield self._describe(container, self._sample(self._store.get(container.id) or container), before)

    async def _follow(self, id: str) -> AsyncIterator[ContainerStats]:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        before: Sample | None = None
        group: Group | None = None
        pid = 0
        while (container := self._store.get(id)) is not None:
            if container.pid != pid:
                # Another run: its counters begin again.
                pid, group, before = container.pid, None, None
            if container.status in ALIVE:
                group = group or self._group(container)
            sample = self._sample(container, group)
            yield self._describe(container, sample, before)
            before = sample
            next_at = max(next_at + INTERVAL, loop.time())
            await asyncio.sleep(next_at - loop.time())

    def _group(self, container: Container) -> Group:
        monitor = self._lives.of(container).monitor
        return Group(monitor.cgroup if monitor is not None else "", container.pid)

    def _sample(self, container: Container, group: Group | None = None) -> Sample | None:
        if container.status not in ALIVE:
            return None
        usage = (group or self._group(container)).usage()
        if usage == Usage():
            return None  # it has just ended, and its group with it
        return Sample(
            moment=datetime.now(UTC),
            usage=usage,
            system_cpu=system_cpu_time(),
            cpus=os.cpu_count() or 1,
            traffic=interfaces.traffic_of(container.pid)
            if network_kind(container) in ("bridge", "container")
            else None,
        )

    def _describe(self, container: Container, sample: Sample | None, before: Sample | None) -> ContainerStats:
        if sample is None:
            return ContainerStats(name=f"/{container.name}", id=container.id)
        return describe(container, sample, before, machine=self._memory)


def describe(container: Container, sample: Sample, before: Sample | None, *, machine: int) -> ContainerStats:
    """The API's form of a sample and the one before it. `machine` is its memory in bytes: the limit of who has none."""
    usage = sample.usage
    stats = ContainerStats(
        name=f"/{container.name}",
        id=container.id,
        read=timestamp(sample.moment),
        pids_stats=PidsStats(current=usage.pids, limit=usage.pids_limit or 0),
        blkio_stats=_io(usage),
        cpu_stats=_cpu(sample),
        memory_stats=MemoryStats(
            usage=usage.memory,
            max_usage=usage.most_memory,
            stats=usage.memory_details,
            failcnt=usage.memory_failures,
            limit=min(usage.memory_limit or machine, machine),
        ),
    )
    if before is not None:
        stats = msgspec.structs.replace(stats, preread=timestamp(before.moment), precpu_stats=_cpu(before))
    if sample.traffic is not None:
        networks = {name: _network(traffic) for name, traffic in sample.traffic.items()}
        stats = msgspec.structs.replace(stats, networks=networks)
    return stats


def _network(traffic: interfaces.Traffic) -> NetworkStats:
    return NetworkStats(
        rx_bytes=traffic.rx_bytes,
        rx_packets=traffic.rx_packets,
        rx_errors=traffic.rx_errors,
        rx_dropped=traffic.rx_dropped,
        tx_bytes=traffic.tx_bytes,
        tx_packets=traffic.tx_packets,
        tx_errors=traffic.tx_errors,
        tx_dropped=traffic.tx_dropped,
    )


def _cpu(sample: Sample) -> CpuStats:
    usage = sample.usage
    return CpuStats(
        cpu_usage=CpuUsage(
            total_usage=usage.cpu,
            percpu_usage=usage.each_cpu or msgspec.UNSET,
            usage_in_kernelmode=usage.cpu_system,
            usage_in_usermode=usage.cpu_user,
        ),
        system_cpu_usage=sample.system_cpu,
        online_cpus=sample.cpus,
        throttling_data=ThrottlingData(
            periods=usage.periods,
            throttled_periods=usage.throttled_periods,
            throttled_time=usage.throttled_time,
        ),
    )


def _io(usage: Usage) -> BlkioStats:
    # Files of version 1 that kernels have without numbers now; version 2, which counts no single CPUs, never had them.
    gone: list[BlkioEntry] | None = [] if usage.each_cpu else None
    return BlkioStats(
        io_service_bytes_recursive=_entries(usage.io_bytes),
        io_serviced_recursive=_entries(usage.io_operations),
        io_queue_recursive=gone,
        io_service_time_recursive=gone,
        io_wait_time_recursive=gone,
        io_merged_recursive=gone,
        io_time_recursive=gone,
        sectors_recursive=gone,
    )


def _entries(counts: list[IOCount]) -> list[BlkioEntry]:
    return [BlkioEntry(count.major, count.minor, count.op, count.value) for count in counts]
