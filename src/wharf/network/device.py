"""The bridge device, and what is asked of the kernel for it by netlink and sysctl."""

import secrets
import socket
from collections.abc import Iterable, Sequence
from typing import Final

from wharf.errors import EngineError
from wharf.linux import addressing, host, links, netlink, sysctl
from wharf.linux.netlink import Later, Link, RouteSocket
from wharf.network.subnets import Interface

#: Says in a link's alias that we made it.
ALIAS: Final = "wharf"


def is_ours(link: Link) -> bool:
    """Whether we made it, so that we may also delete it. Perhaps a daemon did that died before it could name it."""
    return link.alias == ALIAS or link.group == links.UNNAMED


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


def addresses_of(routes: RouteSocket, name: str) -> list[Interface]:
    """The addresses that a device has, but those that the kernel gave it itself; none for one that is not there."""
    link = routes.link(name)
    if link is None:
        return []
    return [found for index, found in routes.addresses() if index == link.index and not _is_kernels(found)]


def _is_kernels(address: Interface) -> bool:
    return address.version == 6 and address.is_link_local


def ensure_bridge(routes: RouteSocket, name: str, wanted: Sequence[Interface], mtu: int, *, ipv6: bool) -> int:
    """Index of the bridge, which is made when it is not there, with these addresses. Raises EngineError, OSError.

    A bridge with other addresses is not touched, unless we made it and nothing is connected.
    """
    link = routes.link(name)
    if link is not None and link.kind != "bridge":
        raise EngineError(f"existing interface {name} is not a bridge")
    has = addresses_of(routes, name)
    if link is not None and (surplus := _surplus(has, wanted)):
        if is_ours(link) and not ports_of(routes, link.index):
            routes.request(*(addressing.delete_address(link.index, address) for address in surplus))
        elif lacking := _lacking(has, wanted):
            raise EngineError(f"bridge {name} has the address {surplus[0]}, which is not the configured {lacking[0]}")
    if link is None:
        link = _make(routes, name, mtu)
    _speak_ipv6(name, enabled=ipv6)
    missing = [addressing.add_address(link.index, address) for address in wanted if address not in has]
    routes.request(*missing, links.set_up(link.index))
    return link.index


def _surplus(has: Sequence[Interface], wanted: Sequence[Interface]) -> list[Interface]:
    return [address for address in has if address not in wanted]


def _lacking(has: Sequence[Interface], wanted: Sequence[Interface]) -> list[Interface]:
    """What is not there though another address of that version is."""
    versions = {address.version for address in has}
    return [address for address in wanted if address not in has and address.version in versions]


def _make(routes: RouteSocket, name: str, mtu: int) -> Link:
    # Locally administered, not multicast.
    mac_address = "02:42:" + secrets.token_bytes(4).hex(":")
    try:
        routes.request(links.new_bridge(name, mac_address, mtu))
    except OSError as error:
        raise EngineError(f"bridge {name} cannot be made: {error.strerror}") from None
    link = routes.link(name)
    if link is None:
        raise EngineError(f"bridge {name} went away while it was made")
    routes.request(links.set_alias(link.index, ALIAS))
    return link


def _speak_ipv6(bridge: str, *, enabled: bool) -> None:
    """Switches IPv6 on for a network that has it. Raises OSError."""
    if not enabled:
        return
    # Without a link-local address the host asks for nobody's neighbour address, and the kernel would first make sure
    # for a second that nobody else has it.
    sysctl.ensure(f"net/ipv6/conf/{bridge}/accept_dad", "0")
    # Containers are no routers for the host.
    sysctl.ensure(f"net/ipv6/conf/{bridge}/accept_ra", "0")
    sysctl.ensure(f"net/ipv6/conf/{bridge}/disable_ipv6", "0")


def ports_of(routes: RouteSocket, bridge: int) -> list[Link]:
    return [link for link in routes.links() if link.master == bridge]


def delete_bridge(name: str, later: Later) -> None:
    """Deletes it if we made it and nothing is connected but the links of our containers.

    Those are about to go with their namespaces, which the kernel takes apart in its own time.
    """
    with RouteSocket() as routes:
        link = routes.link(name)
        if link is not None and is_ours(link) and all(map(_is_containers, ports_of(routes, link.index))):
            routes.delete_link(link.index, later)


def _is_containers(link: Link) -> bool:
    """Of ours: on a bridge of the host there may be those of others."""
    return link.kind == "veth" and is_ours(link)


def sweep(routes: RouteSocket, bridge: int, keep: Iterable[str]) -> None:
    """Deletes the links of containers that nobody knows."""
    known = set(keep)
    for link in ports_of(routes, bridge):
        if _is_containers(link) and link.name not in known:
            routes.request(netlink.delete_link(link.index))


def allow_local_clients(bridge: str, *, allowed: bool) -> None:
    """Lets local clients on 127.0.0.1 reach published ports. Raises OSError."""
    sysctl.ensure(f"net/ipv4/conf/{bridge}/route_localnet", "1" if allowed else "0")


def bridge_is_filtered(*, ipv6: bool) -> bool:
    """Whether the forward chain also sees what the bridge passes from port to port (br_netfilter)."""
    return all(map(host.bridge_filtering, ("iptables", "ip6tables") if ipv6 else ("iptables",)))
