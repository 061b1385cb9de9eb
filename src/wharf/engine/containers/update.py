"""Other limits and another restart policy for a container: `docker update`."""

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wharf.apitypes.containers import HostConfig
from wharf.engine.containers import limits, restart
from wharf.engine.containers.record import ALIVE, Container, Edit, Status
from wharf.engine.containers.resources import resources_of
from wharf.engine.containers.running import Lives
from wharf.engine.containers.store import ContainerStore
from wharf.errors import Conflict, EngineError
from wharf.linux import cgroup_limits, scopes
from wharf.linux.cgroup_limits import Limits

#: Members that an update replaces when the request has them; 0 and "" mean no change.
REPLACED: Final = (
    "blkio_weight",
    "cpu_shares",
    "nano_cpus",
    "cpu_period",
    "cpu_quota",
    "cpu_realtime_period",
    "cpu_realtime_runtime",
    "cpuset_cpus",
    "cpuset_mems",
    "memory",
    "memory_swap",
    "memory_reservation",
)
#: Limits that the kernel takes, or that we compute, together.
_TOGETHER: Final = (
    frozenset({"memory", "memory_swap"}),
    frozenset({"cpu_quota", "cpu_period"}),
    frozenset({"cpu_realtime_runtime", "cpu_realtime_period"}),
)
_WRITTEN: Final = (
    *("memory", "memory_swap", "memory_reservation", "pids", "blkio_weight", "cpuset_cpus", "cpuset_mems"),
    *("cpu_shares", "cpu_quota", "cpu_period", "cpu_realtime_runtime", "cpu_realtime_period"),
)


@dataclass(slots=True)
class Updates:
    store: ContainerStore
    lives: Lives

    async def update(self, ref: str, wanted: HostConfig) -> list[str]:
        """Changes what `wanted` names; gives warnings. A running container feels it at once.

        Raises NoSuchContainer, InvalidArgument, Conflict, EngineError; then nothing is recorded.
        """
        features = self.lives.starter.host.features
        wanted, warnings = limits.keepable(wanted, features, cpus=os.cpu_count() or 1, update=True)
        restart.check(wanted.restart_policy, auto_remove=False)
        container = self.store.find(ref)
        live = self.lives.of(container)
        try:
            async with live.lock:
                changed = await self._change(container.id, wanted)
        except (EngineError, OSError) as error:
            kind = Conflict if isinstance(error, Conflict) else EngineError
            reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
            raise kind(f"Cannot update container {container.id}: {reason}") from None
        self.lives.publish("update", changed)
        return warnings

    async def _change(self, id: str, wanted: HostConfig) -> Container:
        container = self.lives.current(id)
        if container.status in (Status.REMOVING, Status.DEAD):
            raise Conflict('Container is marked for removal and cannot be "update".')
        changed = container.with_(host=merged(container.host, wanted), edit=_also(container.edit, wanted))
        monitor = self.lives.of(container).monitor
        if container.status in ALIVE and monitor is not None:
            self.lives.starter.host.grant_realtime(changed, monitor.cgroup)
            await _limit(monitor.cgroup, id, container.host, changed.host)
        self.store.update(changed)
        return changed


def _also(edit: Edit | None, wanted: HostConfig) -> Edit | None:
    """The edit that waits for the next start must not take the update back."""
    if edit is None:
        return None
    other = msgspec.structs.replace(edit.other, host=merged(edit.other.host, wanted))
    return msgspec.structs.replace(edit, other=other)


async def _limit(group: str, id: str, old: HostConfig, new: HostConfig) -> None:
    """Raises OSError or EngineError; then the limits are as before, as far as the kernel lets them."""
    try:
        await scopes.set_limits(group, id, limits_of(old, new))
    except (OSError, EngineError):
        with suppress(OSError, EngineError):
            await scopes.set_limits(group, id, limits_of(new, old))
        raise


def merged(host: HostConfig, wanted: HostConfig) -> HostConfig:
    """The configuration after the update. Raises Conflict for what contradicts what is set already."""
    _check_conflicts(host, wanted)
    changes: dict[str, object] = {name: value for name in REPLACED if (value := getattr(wanted, name))}
    if wanted.pids_limit is not None:
        changes["pids_limit"] = wanted.pids_limit
    if wanted.restart_policy.name:
        if host.auto_remove and wanted.restart_policy.name != "no":
            raise Conflict("Restart policy cannot be updated because AutoRemove is enabled for the container")
        changes["restart_policy"] = wanted.restart_policy
    return msgspec.structs.replace(host, **changes)


def _check_conflicts(host: HostConfig, wanted: HostConfig) -> None:
    for name, value in (("Period", host.cpu_period), ("Quota", host.cpu_quota)):
        if wanted.nano_cpus and value:
            raise Conflict(f"Conflicting options: Nano CPUs cannot be updated as CPU {name} has already been set")
    for name, value in (("Period", wanted.cpu_period), ("Quota", wanted.cpu_quota)):
        if value and host.nano_cpus:
            raise Conflict(f"Conflicting options: CPU {name} cannot be updated as NanoCPUs has already been set")
    swap = host.memory_swap or 2 * host.memory
    if wanted.memory > swap and not wanted.memory_swap:
        raise Conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        )


def limits_of(old: HostConfig, new: HostConfig) -> Limits:
    """What has to be written for the change from `old` to `new`. What is not limited any more is taken away."""
    # An update leaves limits of single devices alone, so their numbers are of no interest.
    before, after = (resources_of(_without_devices(host), {}) for host in (old, new))
    changed = {name for name in _WRITTEN if getattr(before, name) != getattr(after, name)}
    for pair in _TOGETHER:
        if pair & changed:
            changed |= {name for name in pair if getattr(after, name) is not None}
    values: dict[str, Any] = {name: getattr(after, name) for name in changed}
    unlimited = {name: cgroup_limits.UNLIMITED for name, value in values.items() if value is None}
    return Limits(**values | unlimited)


def _without_devices(host: HostConfig) -> HostConfig:
    return msgspec.structs.replace(
        host,
        blkio_weight_device=[],
        blkio_device_read_bps=[],
        blkio_device_write_bps=[],
        blkio_device_read_iops=[],
        blkio_device_write_iops=[],
    )
