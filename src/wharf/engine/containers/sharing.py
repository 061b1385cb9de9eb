"""Namespaces that a container shares with the host or with another container: what is asked for, and whose they are."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from wharf.apitypes.containers import ContainerConfig, HostConfig
from wharf.engine.containers import namespaces
from wharf.engine.containers.record import ALIVE, Container, Status
from wharf.errors import Conflict, EngineError, InvalidArgument, NoSuchContainer, NotFound

_IPC_MODES: Final = ("", "none", "private", "shareable", "host")
#: Those whose IPC namespace others may join: it is meant for that, or was another's already.
_OPEN_IPC: Final = ("shareable", "host", "container")
_FIELDS: Final = ("network_mode", "pid_mode", "ipc_mode", "userns_mode")


def donor(mode: str) -> str:
    """Whom `container:NAME` names; "" for every other mode."""
    how, _, name = mode.partition(":")
    return name if how == "container" else ""


# ── at the creation ──


def check(config: ContainerConfig, host: HostConfig) -> None:
    """Raises InvalidArgument for modes that are none, and for options that they leave no room for."""
    if host.ipc_mode not in _IPC_MODES and not donor(host.ipc_mode):
        raise InvalidArgument(f"invalid IPC mode: {host.ipc_mode}")
    if host.pid_mode not in ("", "host") and not donor(host.pid_mode):
        raise InvalidArgument(f"invalid PID mode: {host.pid_mode}")
    if host.uts_mode not in ("", "host"):
        raise InvalidArgument(f"invalid UTS mode: {host.uts_mode}")
    if host.cgroupns_mode not in ("", "private", "host"):
        raise InvalidArgument(f"invalid cgroup namespace mode: {host.cgroupns_mode}")
    if host.uts_mode == "host" and (config.hostname or config.domainname):
        what = "hostname" if config.hostname else "domainname"
        raise InvalidArgument(f"conflicting options: {what} and the UTS mode")
    _check_network(config, host)


def _check_network(config: ContainerConfig, host: HostConfig) -> None:
    if host.network_mode in ("container", "container:"):
        raise InvalidArgument("invalid network mode: invalid container format container:<name|id>")
    if host.network_mode == "host" and host.links:
        raise InvalidArgument(_LINKS.format("host type networking"))
    if not donor(host.network_mode):
        return
    if host.links:
        raise InvalidArgument(_LINKS.format("container type network"))
    clashes: tuple[tuple[object, str], ...] = (
        (config.hostname, "hostname and the network mode"),
        (host.dns, "dns and the network mode"),
        (host.extra_hosts, "custom host-to-IP mapping and the network mode"),
        (host.port_bindings or host.publish_all_ports, "port publishing and the container type network mode"),
        (config.exposed_ports, "port exposing and the container type network mode"),
    )
    for given, what in clashes:
        if given:
            raise InvalidArgument(f"conflicting options: {what}")


_LINKS: Final = "conflicting options: {} can't be used with links. This would result in undefined behavior"


def resolved(host: HostConfig, search: Callable[[str], Container | None]) -> HostConfig:
    """The same with ids for names: they stay when a container gets another name.

    Raises InvalidArgument for a container that is not there. A network's may come later.
    """
    found = {}
    for field in _FIELDS:
        if name := donor(getattr(host, field)):
            other = search(name)
            if other is not None:
                found[field] = f"container:{other.id}"
            elif field != "network_mode":
                raise InvalidArgument(f"No such container: {name}")
    return msgspec.structs.replace(host, **found) if found else host


# ── at each start ──


@dataclass(frozen=True, slots=True)
class Joined:
    """Paths of namespaces of others, "" for none, as other processes may open them while they are held."""

    network_of: Container | None = None  # who has made the network that is joined
    network: str = ""
    pid: str = ""
    ipc: str = ""
    shm: str = ""  # the mount namespace that has the /dev/shm which belongs to `ipc`


ALONE: Final = Joined()


@dataclass(frozen=True, slots=True)
class Sharing:
    """Finds the namespaces that a start joins: those that the other container has now."""

    find: Callable[[str], Container]  # raises NoSuchContainer
    bundle: Callable[[str], Path]

    def join(self, container: Container, held: AsyncExitStack) -> Joined:
        """The paths are good while `held` is. Raises EngineError, in dockerd's words, for who cannot be joined."""
        network_of, network = self._network(container, held)
        ipc, shm = self._ipc(container, held)
        return Joined(network_of, network, self._pid(container, held), ipc, shm)

    def _network(self, container: Container, held: AsyncExitStack) -> tuple[Container | None, str]:
        if not (name := donor(container.host.network_mode)):
            return None, ""
        try:
            other = self.find(name)
        except NoSuchContainer as error:
            raise EngineError(f"joining network namespace of container: {error}") from None
        if other.id == container.id:
            raise EngineError("cannot join own network namespace")
        if other.status not in ALIVE:
            why = f"container {other.name} is {other.status}"
            raise Conflict(f"cannot join network namespace of a non running container: {why}")
        return self._owner(other), self._open(other, "net", held)

    def _owner(self, container: Container) -> Container:
        """Whose network it is: one that has joined another's has no files in /etc of its own to share."""
        seen = {container.id}
        while name := donor(container.host.network_mode):
            container = self.find(name)
            if container.id in seen:
                break
            seen.add(container.id)
        return container

    def _pid(self, container: Container, held: AsyncExitStack) -> str:
        if not (name := donor(container.host.pid_mode)):
            return ""
        try:
            return self._open(_running(self.find(name)), "pid", held)
        except EngineError as error:
            raise EngineError(f"failed to join PID namespace: {error}") from None

    def _ipc(self, container: Container, held: AsyncExitStack) -> tuple[str, str]:
        if not (name := donor(container.host.ipc_mode)):
            return "", ""
        try:
            other = _running(self.find(name))
            if other.host.ipc_mode.partition(":")[0] not in _OPEN_IPC:
                hint = "non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
                raise InvalidArgument(f"container {other.id}: {hint}")
            return self._open(other, "ipc", held), self._open(other, "mnt", held)
        except NoSuchContainer as error:
            raise NotFound(f"failed to join IPC namespace: {error}") from None
        except (Conflict, InvalidArgument) as error:
            raise type(error)(f"failed to join IPC namespace: {error}") from None

    def user_namespace(self, name: str, held: AsyncExitStack) -> str:
        """The path of another container's user namespace."""
        try:
            return self._open(_running(self.find(name)), "user", held)
        except EngineError as error:
            raise type(error)(f"failed to join user namespace: {error}") from None

    def _open(self, other: Container, kind: str, held: AsyncExitStack) -> str:
        namespace = namespaces.opened(self.bundle(other.id), kind)
        if namespace is None:
            raise _not_running(other)
        held.callback(os.close, namespace)
        return namespaces.path_of(namespace)


def _running(other: Container) -> Container:
    if other.status is Status.RESTARTING:
        raise Conflict(f"Container {other.id} is restarting, wait until the container is running")
    if other.status not in ALIVE:
        raise _not_running(other)
    return other


def _not_running(other: Container) -> Conflict:
    return Conflict(f"container {other.id} is not running")
