"""Other limits and another restart policy for a container: `docker update`."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from wharf.apitypes.containers import HostConfig
from wharf.engine.containers import bundling, creation, restart
from wharf.engine.containers.record import ALIVE, Edit, Status
from wharf.engine.containers.running import Lives
from wharf.engine.containers.store import ContainerStore
from wharf.errors import Conflict, EngineError
from wharf.linux import cgroup_limits
from wharf.linux.cgroup_limits import Limits
from wharf.linux.host import CgroupFeatures, cgroup_features

#: Members that an update replaces when the request has them; 0 and "" mean no change.
REPLACED: Final = (
    "blkio_weight",
    "cpu_shares",
    "nano_cpus",
    "cpu_period",
    "cpu_quota",
    "cpuset_cpus",
    "cpuset_mems",
    "memory",
    "memory_swap",
    "memory_reservation",
)


@dataclass(slots=True)
class Updates:
    store: ContainerStore
    lives: Lives

    async def update(self, ref: str, wanted: HostConfig) -> list[str]:
        """Changes what `wanted` names; gives warnings. A running container feels it at once.

        Raises NoSuchContainer, InvalidArgument, Conflict, EngineError; then nothing is recorded.
        """
        check(wanted, cpus=os.cpu_count() or 1)
        container = self.store.find(ref)
        live = self.lives.of(container)
        try:
            async with live.lock:
                container = self.lives.current(container.id)
                if container.status in (Status.REMOVING, Status.DEAD):
                    raise Conflict('Container is marked for removal and cannot be "update".')
                changed = container.with_(host=merged(container.host, wanted), edit=_also(container.edit, wanted))
                if container.status in ALIVE and live.monitor is not None:
                    limits = limits_of(container.host, changed.host)
                    await asyncio.to_thread(cgroup_limits.set_limits, live.monitor.cgroup, limits)
                self.store.update(changed)
        except (EngineError, OSError) as error:
            kind = type(error) if isinstance(error, EngineError) else EngineError
            reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
            raise _again(kind, f"Cannot update container {container.id}: {reason}") from None
        self.lives.publish("update", changed)
        return list(warnings(wanted, cgroup_features()))


def _also(edit: Edit | None, wanted: HostConfig) -> Edit | None:
    """The edit that waits for the next start must not take the update back."""
    if edit is None:
        return None
    other = msgspec.structs.replace(edit.other, host=merged(edit.other.host, wanted))
    return msgspec.structs.replace(edit, other=other)


def _again(kind: type[EngineError], text: str) -> EngineError:
    return (Conflict if issubclass(kind, Conflict) else EngineError)(text)


def check(wanted: HostConfig, *, cpus: int) -> None:
    """Raises InvalidArgument for what no container can have."""
    swap_only = not wanted.memory and wanted.memory_swap > 0
    creation.check_resources(msgspec.structs.replace(wanted, memory_swap=0) if swap_only else wanted, cpus)
    restart.check(wanted.restart_policy, auto_remove=False)


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
    """What has to be written for the change from `old` to `new`."""

    def changed(name: str) -> bool:
        return bool(getattr(old, name) != getattr(new, name))

    quota, period = new.cpu_quota or None, new.cpu_period or None
    if new.nano_cpus:
        quota, period = new.nano_cpus * bundling.CPU_PERIOD // 10**9, bundling.CPU_PERIOD
    cpu = changed("nano_cpus") or changed("cpu_quota") or changed("cpu_period")
    memory = changed("memory") or changed("memory_swap")
    pids = new.pids_limit if new.pids_limit and new.pids_limit > 0 else -1
    return Limits(
        memory=new.memory or None if memory else None,
        memory_and_swap=(new.memory_swap or 2 * new.memory or None) if memory else None,
        memory_reservation=new.memory_reservation if changed("memory_reservation") else None,
        cpu_shares=new.cpu_shares if changed("cpu_shares") else None,
        cpu_period=period if cpu else None,
        cpu_quota=quota if cpu else None,
        cpus=new.cpuset_cpus if changed("cpuset_cpus") else None,
        memory_nodes=new.cpuset_mems if changed("cpuset_mems") else None,
        pids=pids if changed("pids_limit") else None,
        io_weight=new.blkio_weight if changed("blkio_weight") else None,
    )


def warnings(wanted: HostConfig, features: CgroupFeatures) -> Iterator[str]:
    """What this kernel cannot keep of the limits."""
    if wanted.memory and not features.memory:
        yield (
            "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded."
        )
    if (wanted.memory or wanted.memory_swap > 0) and not features.swap:
        yield (
            "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
            "Memory limited without swap."
        )
    if wanted.pids_limit and wanted.pids_limit > 0 and not features.pids:
        yield "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded."
    if (wanted.nano_cpus or wanted.cpu_quota or wanted.cpu_period) and not features.cpu_quota:
        yield "Your kernel does not support CPU CFS quota or the cgroup is not mounted. Quota discarded."
