"""Modes of namespaces: which there are, what they exclude, and whose may be joined."""

from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from harness.records import recorded
from wharf.apitypes.containers import ContainerConfig, HostConfig, PortBinding
from wharf.engine.containers import sharing
from wharf.engine.containers.record import Container, Status
from wharf.engine.containers.sharing import Joined, Sharing
from wharf.errors import Conflict, EngineError, InvalidArgument, NoSuchContainer, NotFound

UNDEFINED = "can't be used with links. This would result in undefined behavior"


def container(id: str, name: str = "", status: Status = Status.RUNNING, host: HostConfig | None = None) -> Container:
    return recorded(id, name or f"name-of-{id}", host=host or HostConfig(), status=status)


@pytest.mark.parametrize(
    "host",
    [HostConfig(ipc_mode=mode) for mode in ("", "none", "private", "shareable", "host", "container:x")]
    + [HostConfig(pid_mode=mode) for mode in ("", "host", "container:x")]
    + [HostConfig(uts_mode="host"), HostConfig(network_mode="container:x"), HostConfig(cgroupns_mode="private")],
)
def test_modes_that_there_are(host: HostConfig) -> None:
    sharing.check(ContainerConfig(), host)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (HostConfig(ipc_mode="odd"), "invalid IPC mode: odd"),
        (HostConfig(ipc_mode="host:x"), "invalid IPC mode: host:x"),
        (HostConfig(ipc_mode="container"), "invalid IPC mode: container"),
        (HostConfig(ipc_mode="container:"), "invalid IPC mode: container:"),
        (HostConfig(pid_mode="private"), "invalid PID mode: private"),
        (HostConfig(pid_mode="container:"), "invalid PID mode: container:"),
        (HostConfig(uts_mode="container:x"), "invalid UTS mode: container:x"),
        (HostConfig(cgroupns_mode="odd"), "invalid cgroup namespace mode: odd"),
        (HostConfig(network_mode="container:"), "invalid network mode: invalid container format container:<name|id>"),
        (HostConfig(network_mode="container"), "invalid network mode: invalid container format container:<name|id>"),
        (HostConfig(network_mode="host", links=["a"]), f"conflicting options: host type networking {UNDEFINED}"),
        (
            HostConfig(network_mode="container:x", links=["a"]),
            f"conflicting options: container type network {UNDEFINED}",
        ),
        (HostConfig(network_mode="container:x", dns=["1.1.1.1"]), "conflicting options: dns and the network mode"),
        (
            HostConfig(network_mode="container:x", extra_hosts=["a:1.1.1.1"]),
            "conflicting options: custom host-to-IP mapping and the network mode",
        ),
        (
            HostConfig(network_mode="container:x", publish_all_ports=True),
            "conflicting options: port publishing and the container type network mode",
        ),
        (
            HostConfig(network_mode="container:x", port_bindings={"80/tcp": [PortBinding()]}),
            "conflicting options: port publishing and the container type network mode",
        ),
    ],
)
def test_modes_that_cannot_be(host: HostConfig, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        sharing.check(ContainerConfig(), host)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("config", "host", "what"),
    [
        (ContainerConfig(hostname="x"), HostConfig(uts_mode="host"), "hostname and the UTS mode"),
        (ContainerConfig(domainname="x"), HostConfig(uts_mode="host"), "domainname and the UTS mode"),
        (ContainerConfig(hostname="x"), HostConfig(network_mode="container:x"), "hostname and the network mode"),
        (
            ContainerConfig(exposed_ports={"80/tcp": {}}),
            HostConfig(network_mode="container:x"),
            "port exposing and the container type network mode",
        ),
    ],
)
def test_what_a_shared_namespace_leaves_no_room_for(config: ContainerConfig, host: HostConfig, what: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        sharing.check(config, host)
    assert str(caught.value) == f"conflicting options: {what}"


def test_names_are_kept_as_ids() -> None:
    known = {"db": container("a" * 64, "db")}
    host = HostConfig(network_mode="container:db", pid_mode="container:db", ipc_mode="container:db")
    found = sharing.resolved(host, known.get)
    assert {found.network_mode, found.pid_mode, found.ipc_mode} == {f"container:{'a' * 64}"}
    assert sharing.resolved(HostConfig(pid_mode="host"), known.get) == HostConfig(pid_mode="host")


def test_a_network_may_come_later_and_nothing_else() -> None:
    host = HostConfig(network_mode="container:nobody")
    assert sharing.resolved(host, lambda name: None) == host
    for host in (HostConfig(pid_mode="container:nobody"), HostConfig(ipc_mode="container:nobody")):
        with pytest.raises(InvalidArgument, match="No such container: nobody"):
            sharing.resolved(host, lambda name: None)


DONORS = {
    "stopped": container("s", "stopped", Status.EXITED, HostConfig(ipc_mode="shareable")),
    "again": container("r", "again", Status.RESTARTING, HostConfig(ipc_mode="shareable")),
    "private": container("p", "private", host=HostConfig(ipc_mode="private")),
    "self": container("me", "self"),
    "gone": container("g", "gone", host=HostConfig(ipc_mode="shareable")),  # it runs by its record only
}


def find(name: str) -> Container:
    if name not in DONORS:
        raise NoSuchContainer(name)
    return DONORS[name]


@pytest.mark.parametrize(
    ("host", "kind", "message"),
    [
        ({"pid_mode": "stopped"}, EngineError, "failed to join PID namespace: container s is not running"),
        ({"pid_mode": "nobody"}, EngineError, "failed to join PID namespace: No such container: nobody"),
        ({"pid_mode": "gone"}, EngineError, "failed to join PID namespace: container g is not running"),
        (
            {"pid_mode": "again"},
            EngineError,
            "failed to join PID namespace: Container r is restarting, wait until the container is running",
        ),
        ({"ipc_mode": "stopped"}, Conflict, "failed to join IPC namespace: container s is not running"),
        ({"ipc_mode": "nobody"}, NotFound, "failed to join IPC namespace: No such container: nobody"),
        (
            {"ipc_mode": "private"},
            InvalidArgument,
            "failed to join IPC namespace: container p: non-shareable IPC "
            "(hint: use IpcMode:shareable for the donor container)",
        ),
        (
            {"network_mode": "stopped"},
            Conflict,
            "cannot join network namespace of a non running container: container stopped is exited",
        ),
        (
            {"network_mode": "nobody"},
            EngineError,
            "joining network namespace of container: No such container: nobody",
        ),
        ({"network_mode": "self"}, EngineError, "cannot join own network namespace"),
    ],
)
def test_who_cannot_be_joined(tmp_path: Path, host: dict[str, str], kind: type[EngineError], message: str) -> None:
    modes = {field: f"container:{name}" for field, name in host.items()}
    asking = container("me", host=msgspec.structs.replace(HostConfig(), **modes))
    with pytest.raises(kind) as caught:
        Sharing(find, lambda id: tmp_path).join(asking, AsyncExitStack())
    assert str(caught.value) == message


def test_who_asks_for_nothing_joins_nobody(tmp_path: Path) -> None:
    assert Sharing(find, lambda id: tmp_path).join(container("me"), AsyncExitStack()) == Joined()
