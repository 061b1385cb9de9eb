"""The bridge device and the ends of containers' links: what is asked of the kernel by netlink and sysctl."""

import errno
import secrets
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final

from wharf.errors import EngineError
from wharf.linux import netlink, sysctl
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import Link, RouteSocket
from wharf.network.contract import Endpoint
from wharf.network.ipam import choose_subnet

#: Says in a bridge's alias that we made it, so that we may also delete it.
ALIAS: Final = "wharf"


def claim(bridge: str) -> socket.socket:
    """The right to a bridge, for one engine at a time in this network namespace; it ends with the socket.

    Abstract Unix names belong to the network namespace and go with their process. Raises EngineError.
    """
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        made.bind(f"\0wharf-bridge-{bridge}")
    except OSError:
        made.close()
        raise EngineError(f"bridge {bridge} is in use by another engine") from None
    return made


def ensure_bridge(routes: RouteSocket, name: str, wanted: IPv4Interface | None, mtu: int) -> tuple[int, IPv4Interface]:
    """Index and address of the bridge, which is made when it is not there. Raises EngineError, OSError.

    A bridge that is there keeps its address; one with another address than `wanted` is not touched.
    """
    link = routes.link(name)
    if link is not None and link.kind != "bridge":
        raise EngineError(f"network interface {name} is there already and is not a bridge")
    has = [address for index, address in routes.addresses() if link is not None and index == link.index]
    if link is not None and wanted is not None and has and wanted not in has:
        if link.alias != ALIAS or ports_of(routes, link.index):
            raise EngineError(f"bridge {name} has the address {has[0]}, which is not the configured {wanted}")
        routes.request(*(netlink.delete_address(link.index, address) for address in has))
        has = []
    address = wanted or (has[0] if has else choose_subnet(_used(routes)))
    if link is None:
        link = _make(routes, name, mtu)
    messages = [] if address in has else [netlink.add_address(link.index, address)]
    routes.request(*messages, netlink.set_up(link.index))
    return link.index, address


def _make(routes: RouteSocket, name: str, mtu: int) -> Link:
    # Locally administered, not multicast.
    mac_address = "02:42:" + secrets.token_bytes(4).hex(":")
    routes.request(netlink.new_bridge(name, mac_address, mtu))
    link = routes.link(name)
    if link is None:
        raise EngineError(f"bridge {name} went away while it was made")
    routes.request(netlink.set_alias(link.index, ALIAS))
    return link


def _used(routes: RouteSocket) -> list[IPv4Network]:
    return [*routes.routes(), *(address.network for _, address in routes.addresses())]


def ports_of(routes: RouteSocket, bridge: int) -> list[Link]:
    return [link for link in routes.links() if link.master == bridge]


def delete_bridge(routes: RouteSocket, name: str) -> None:
    """Deletes it if we made it and nothing is connected but the links of containers.

    Those are about to go with their namespaces, which the kernel takes apart in its own time.
    """
    link = routes.link(name)
    if link is not None and link.alias == ALIAS and all(map(_is_containers, ports_of(routes, link.index))):
        routes.request(netlink.delete_link(link.index))


def _is_containers(link: Link) -> bool:
    return link.kind == "veth" and link.name.startswith("veth")


def sweep(routes: RouteSocket, bridge: int, keep: Iterable[str]) -> None:
    """Deletes the links of containers that nobody knows."""
    known = set(keep)
    for link in ports_of(routes, bridge):
        if _is_containers(link) and link.name not in known:
            routes.request(netlink.delete_link(link.index))


def allow_local_clients(bridge: str, *, allowed: bool) -> None:
    """Lets local clients on 127.0.0.1 reach published ports. Raises OSError."""
    sysctl.ensure(f"net/ipv4/conf/{bridge}/route_localnet", "1" if allowed else "0")


def bridge_is_filtered() -> bool:
    """Whether the forward chain also sees what the bridge passes from port to port (br_netfilter)."""
    try:
        return sysctl.read("net/bridge/bridge-nf-call-iptables") == "1"
    except OSError:
        return False


def connect(routes: RouteSocket, bridge: int, endpoint: Endpoint, namespace: int, *, mtu: int, isolated: bool) -> None:
    """Makes the pair, then the inner end's address and route. Raises OSError.

    The outer end is never deleted: it goes with the namespace of the inner one.
    """
    with inside_network(namespace):
        try:
            # The network has no IPv6: no link-local address either, and no neighbour discovery at start.
            sysctl.ensure("net/ipv6/conf/default/disable_ipv6", "1")
        except OSError:
            pass  # a kernel without IPv6, or a read-only /proc/sys: harmless
        inner = RouteSocket()
    with inner:
        routes.request(
            netlink.new_veth(endpoint.interface, bridge, namespace, endpoint.inner, endpoint.mac_address, mtu),
            # Hairpin: where br_netfilter is loaded, a container's packet to its own published port is turned round
            # inside the bridge.
            netlink.set_port(endpoint.interface, hairpin=True, isolated=isolated),
        )
        try:
            routes.request(netlink.without_link_local(endpoint.interface))
        except OSError:
            pass  # a kernel without IPv6: there is none to be kept away
        link = inner.link(endpoint.inner)
        if link is None:
            raise EngineError("the container's network interface went away while it was made")
        messages = [
            netlink.set_up(netlink.LOOPBACK_INDEX),
            netlink.add_address(link.index, IPv4Interface(f"{endpoint.address}/{endpoint.prefix_length}")),
            netlink.set_up(link.index),
        ]
        if endpoint.default_route:
            messages.append(netlink.add_default_route(link.index, IPv4Address(endpoint.gateway)))
        inner.request(*messages)


def disconnect(endpoint: Endpoint, namespace: int) -> None:
    """Deletes the inner end, and with it the outer one. Nothing there is fine. Raises OSError."""
    with RouteSocket.inside(namespace) as inner:
        if (link := inner.link(endpoint.inner)) is not None:
            inner.request(netlink.delete_link(link.index))


def set_default_route(endpoint: Endpoint | None, namespace: int) -> None:
    """The only default route of the namespace leads through `endpoint`, or there is none. Raises OSError."""
    with RouteSocket.inside(namespace) as inner:
        try:
            inner.request(netlink.delete_default_route())
        except OSError as error:
            if error.errno != errno.ESRCH:
                raise
        link = inner.link(endpoint.inner) if endpoint is not None else None
        if endpoint is not None and link is not None:
            inner.request(netlink.add_default_route(link.index, IPv4Address(endpoint.gateway)))
