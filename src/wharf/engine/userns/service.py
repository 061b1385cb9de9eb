"""Which ids each container gets, and which it cannot have together with its other options."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from wharf.apitypes.containers import ContainerConfig, HostConfig
from wharf.engine.containers.record import Container
from wharf.engine.containers.sharing import donor
from wharf.engine.containers.store import ContainerStore
from wharf.engine.userns import modes
from wharf.engine.userns.allocating import Pool, allocate
from wharf.engine.userns.modes import Auto, Fixed, Host, Inherit, KeepId, SharedWith
from wharf.errors import InvalidArgument
from wharf.snapshots.contract import Snapshots
from wharf.spec.id_mapping import IdMapping, check_mapping


@dataclass(slots=True)
class UserNamespaces:
    """The user namespaces of this engine. `default` is the mapping of all containers that do not ask for another."""

    store: ContainerStore
    snapshots: Snapshots
    default: IdMapping | None
    pool: Pool
    _reserved: list[IdMapping] = field(default_factory=list)

    def check(self, host: HostConfig) -> None:
        """Raises InvalidArgument, in dockerd's words, for options that exclude a user namespace."""
        mode = modes.parse(host.userns_mode)
        if not self._has_one(mode):
            return
        if host.privileged:
            raise InvalidArgument(
                "privileged mode is incompatible with user namespaces.  "
                "You must run the container in the host namespace when running privileged mode"
            )
        if host.network_mode == "host":
            raise InvalidArgument("cannot share the host's network namespace when user namespaces are enabled")
        if host.pid_mode == "host":
            raise InvalidArgument("cannot share the host PID namespace when user namespaces are enabled")
        if host.ipc_mode == "host":
            raise InvalidArgument("cannot share the host IPC namespace when user namespaces are enabled")
        if isinstance(mode, Auto | KeepId | Fixed) and (joined := joined_containers(host)):
            raise InvalidArgument(
                f"conflicting options: who joins the namespaces of another container shares its user namespace: "
                f"use --userns=container:{joined[0]}"
            )

    def _has_one(self, mode: modes.Mode) -> bool:
        return self.default is not None if isinstance(mode, Inherit) else not isinstance(mode, Host)

    def with_user(self, config: ContainerConfig, host: HostConfig) -> ContainerConfig:
        """The configuration with the user whose id is kept, unless it names one."""
        mode = modes.parse(host.userns_mode)
        if not isinstance(mode, KeepId) or config.user:
            return config
        return msgspec.structs.replace(config, user=f"{mode.uid}:{mode.gid}")

    async def require(self, host: HostConfig) -> None:
        """Raises EngineError where the ids of files cannot be mapped and it is wanted. The kernel is asked once."""
        if self._has_one(modes.parse(host.userns_mode)):
            await self.snapshots.check_id_mapping()

    @contextmanager
    def reserved(self, host: HostConfig) -> Iterator[IdMapping | None]:
        """The mapping that a new container records, while the block makes it; None when it has none of its own.

        Raises Conflict when the pool has too few ids left.
        """
        mapping = self._chosen(modes.parse(host.userns_mode))
        if mapping is None:
            yield None
            return
        self._reserved.append(mapping)
        try:
            yield mapping
        finally:
            self._reserved.remove(mapping)

    def _chosen(self, mode: modes.Mode) -> IdMapping | None:
        match mode:
            case Inherit() | Host():
                return None
            case SharedWith(ref):
                other = self.store.find(ref)
                mapping = self.of(other)
                if mapping is None:
                    raise InvalidArgument(f"container {ref} has no user namespace to share")
                return mapping
            case Fixed(mapping):
                return mapping
            case _:
                mapping = allocate(self.pool, self._taken(), mode)
                check_mapping(mapping)
                return mapping

    def _taken(self) -> Iterator[IdMapping]:
        if self.default is not None:
            yield self.default
        yield from self._reserved
        yield from (container.id_mapping for container in self.store if container.id_mapping is not None)

    def of(self, container: Container) -> IdMapping | None:
        """The mapping of a container at its next start; None is no user namespace."""
        return container.id_mapping or (self.default if container.host.userns_mode == "" else None)

    def shared_with(self, container: Container) -> Container | None:
        """Whose user namespace it joins: that of who is named for it, or of whose other namespaces it joins."""
        mode = modes.parse(container.host.userns_mode)
        if isinstance(mode, SharedWith):
            return self.store.find(mode.container)
        joined = joined_containers(container.host)
        return self.store.find(joined[0]) if joined and self.of(container) is not None else None


def joined_containers(host: HostConfig) -> list[str]:
    """The containers whose other namespaces it joins."""
    return [name for mode in (host.network_mode, host.pid_mode, host.ipc_mode) if (name := donor(mode))]
