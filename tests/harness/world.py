"""Machines for tests of the network room: the test's own thread is the host, one is outside, the rest containers."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

from harness.outside import ANSWER_LIMIT
from wharf.linux.namespaces import inside_network, open_own_network
from wharf.linux.syscall import CLONE_NEWNET, setns, unshare
from wharf.network.bridge import BridgeNetwork
from wharf.network.contract import Endpoint, EndpointRequest, Network, PortRequest
from wharf.network.kernel import Kernel
from wharf.network.parented import ParentNetwork
from wharf.network.settings import BridgeSettings, ParentSettings
from wharf.network.subnets import DEFAULT_POOLS, Subnet

OUTSIDE, HOST = "198.51.100.2", "198.51.100.1"
OUTSIDE6, HOST6 = "2001:db8:1::2", "2001:db8:1::1"


def settings(name: str = "br0", *addresses: str, **more: Any) -> BridgeSettings:
    """A bridge with these addresses (with their prefixes); none takes a free range."""
    subnets = tuple(Subnet(ip_interface(text).network, ip_interface(text).ip) for text in addresses)
    return BridgeSettings(name, subnets, DEFAULT_POOLS, **more)


CONFIG = settings("br0", "172.30.0.1/24")
DUAL = settings("br0", "172.30.0.1/24", "fd30::1/64")


#: The range of the wire to the machine outside, of which containers on the host's own device get the upper half.
WIRE = Subnet(ip_network("198.51.100.0/24"), ip_address(OUTSIDE), pool=ip_network("198.51.100.128/25"))
WIRE6 = Subnet(ip_network("2001:db8:1::/64"), ip_address(OUTSIDE6), pool=ip_network("2001:db8:1::1:0/112"))
MACVLAN = ParentSettings("macvlan", "up0", "bridge", subnets=(WIRE, WIRE6))


def new_namespace(stack: ExitStack) -> int:
    home = open_own_network()
    try:
        unshare(CLONE_NEWNET)
        fd = open_own_network()
        setns(home, CLONE_NEWNET)
    finally:
        os.close(home)
    stack.callback(os.close, fd)
    return fd


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def plug(name: str, peer: str, namespace: int, *addresses: str, peers: tuple[str, ...] = ()) -> None:
    """A cable from here to a machine, with addresses at both ends."""
    ip("link", "add", name, "type", "veth", "peer", "name", peer, "netns", f"/proc/{os.getpid()}/fd/{namespace}")
    _address(name, addresses)
    with inside_network(namespace):
        ip("link", "set", "lo", "up")
        _address(peer, peers)


def _address(name: str, addresses: tuple[str, ...]) -> None:
    # This host's cables are not new: their neighbours are known to have other addresses.
    Path(f"/proc/sys/net/ipv6/conf/{name}/accept_dad").write_text("0")
    for text in addresses:
        ip("addr", "add", text, "dev", name, *(("nodad",) if ":" in text else ()))
    ip("link", "set", name, "up")


@dataclass
class World:
    """Three machines; the test's own thread is the host."""

    stack: ExitStack
    outside: int
    opened: list[socket.socket] = field(default_factory=list)

    def kernel(self) -> Kernel:
        made = Kernel()
        self.stack.callback(made.close)
        return made

    def network(self, config: BridgeSettings, **more: Any) -> BridgeNetwork:
        return BridgeNetwork(os.urandom(32).hex(), config, self.kernel(), **more)

    def namespace(self) -> int:
        return new_namespace(self.stack)

    def open_socket(self, namespace: int | None, kind: int = socket.SOCK_STREAM, family: int = socket.AF_INET) -> Any:
        if namespace is None:
            made = socket.socket(family, kind)
        else:
            with inside_network(namespace):
                made = socket.socket(family, kind)
        made.settimeout(ANSWER_LIMIT)
        self.stack.callback(made.close)
        return made

    def server(self, namespace: int | None, port: int, kind: int = socket.SOCK_STREAM, *, ipv6: bool = False) -> Any:
        made = self.open_socket(namespace, kind, socket.AF_INET6 if ipv6 else socket.AF_INET)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("::" if ipv6 else "0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            made.listen()
        return made

    def reaches(self, server: Any, client: int | None, address: str, port: int) -> str:
        """The address that the server sees of a client that connects; "" when it cannot."""
        made = self.open_socket(client, family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            made.connect((address, port))
            connection, peer = server.accept()
        except OSError:
            return ""
        connection.sendall(b"hello")
        assert made.recv(5) == b"hello"
        connection.close()
        made.close()
        return str(peer[0])


@contextmanager
def new_world() -> Iterator[World]:
    with ExitStack() as stack:
        host, outside = new_namespace(stack), new_namespace(stack)
        stack.enter_context(inside_network(host))
        ip("link", "set", "lo", "up")
        plug("up0", "up1", outside, f"{HOST}/24", f"{HOST6}/64", peers=(f"{OUTSIDE}/24", f"{OUTSIDE6}/64"))
        with inside_network(outside):
            # A neighbour who tries to reach containers directly.
            ip("route", "add", "172.30.0.0/16", "via", HOST)
            ip("route", "add", "fd30::/16", "via", HOST6)
        yield World(stack, outside)


def run(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(body())


async def attached(world: World, network: Network, *ports: PortRequest, **more: Any) -> tuple[int, Endpoint]:
    """A container on a network: its namespace and its endpoint."""
    namespace = world.namespace()
    endpoint, listeners = await network.reserve(EndpointRequest("c" * 64, ports=ports, **more))
    for listener in listeners:
        world.stack.callback(listener.socket.close)
    await network.connect(endpoint, namespace)
    return namespace, endpoint


async def opened(world: World, config: BridgeSettings = CONFIG) -> BridgeNetwork:
    network = world.network(config)
    await network.open()
    assert network.unavailable == ""
    return network


async def opened_on_parent(world: World, settings: ParentSettings, kernel: Kernel | None = None) -> ParentNetwork:
    """Networks of one engine share their kernel."""
    network = ParentNetwork(os.urandom(32).hex(), settings, kernel or world.kernel(), name="lan")
    await network.open()
    assert network.unavailable == ""
    return network


def rules(*flags: str) -> str:
    return subprocess.run(["nft", *flags, "list", "ruleset"], check=True, capture_output=True, text=True).stdout
