"""A container's end of a network: the interface's addresses, routes and settings, inside its network namespace.

All of this is the same for every driver; how the interface comes there is not.
"""

import errno
import os
import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address, ip_interface
from pathlib import Path
from typing import Final

from wharf.errors import EngineError
from wharf.linux import addressing, links, netlink, sysctl
from wharf.linux.clock import since_boot
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import Later, Link, Message, RouteSocket
from wharf.network import advertised
from wharf.network.contract import Endpoint
from wharf.network.dhcp.lease import Lease
from wharf.network.subnets import Address

#: How a sysctl of an endpoint is written: the interface's name is not known when it is asked for.
SYSCTL: Final = re.compile(r"net\.(ipv4|ipv6|mpls)\.([a-z_]+)\.(?i:IFNAME)\.([a-z0-9_]+)=(.*)", re.DOTALL)
#: What the kernel answers where there is no such route: not even a table of them, or no IPv6 at all.
_NO_ROUTE: Final = (errno.ESRCH, errno.ENOENT, errno.EAFNOSUPPORT, errno.EOPNOTSUPP)
_MARK: Final = "wharf:"
_LINK_LOCAL_PREFIX: Final = {4: 16, 6: 64}
#: A default route: version of IP, gateway, index of the link.
_Way = tuple[int, Address | None, int]


def configure(inner: RouteSocket, endpoint: Endpoint, namespace: int, *, trusted_routers: bool = False) -> None:
    """Addresses, settings and routes of an interface that has just been made; then it is up.

    Where routers are not trusted, their advertisements are not listened to: any neighbour can send them.
    Raises OSError, EngineError.
    """
    link = inner.link(endpoint.inner)
    if link is None:
        raise EngineError("the container's network interface went away while it was made")
    with inside_network(namespace):
        _set(endpoint, trusted_routers=trusted_routers)
    inner.request(
        links.set_up(netlink.LOOPBACK_INDEX),
        *_addresses(link.index, endpoint),
        links.set_up(link.index),
        *map(_way_message, _ways(link.index, endpoint)),
    )


def lend(endpoint: Endpoint, lease: Lease, namespace: int) -> None:
    """Gives the interface a lease's address for as long as it lasts, or for longer than it did.

    The kernel takes it away at its end, also while nobody is there to renew it. Raises OSError, EngineError.
    """
    with RouteSocket.inside(namespace) as inside:
        link = inside.link(endpoint.inner)
        if link is None:
            raise EngineError(f"the container has no interface {endpoint.inner} any more")
        inside.request(addressing.lend_address(link.index, _leased(lease), lease.left(since_boot())))


def take_back(endpoint: Endpoint, lease: Lease, namespace: int) -> None:
    """Takes a lease's address from the interface. Nothing there is fine. Raises OSError."""
    with RouteSocket.inside(namespace) as inside:
        if (link := inside.link(endpoint.inner)) is None:
            return
        try:
            inside.request(addressing.delete_address(link.index, _leased(lease)))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise


def _leased(lease: Lease) -> IPv4Interface:
    return IPv4Interface(f"{lease.address}/{lease.prefix_length}")


def add_ways(endpoint: Endpoint, namespace: int) -> None:
    """The default routes of an endpoint whose addresses came after its interface. Raises OSError."""
    with RouteSocket.inside(namespace) as inside:
        inside.request(*map(_way_message, _all_ways(inside.links(), [endpoint])))


def _addresses(index: int, endpoint: Endpoint) -> Iterator[Message]:
    for address, length in ((endpoint.address, endpoint.prefix_length), (endpoint.address6, endpoint.prefix_length6)):
        if address:
            yield addressing.add_address(index, ip_interface(f"{address}/{length}"))
    for text in endpoint.link_local:
        yield addressing.add_address(index, ip_interface(f"{text}/{_LINK_LOCAL_PREFIX[ip_address(text).version]}"))


def _ways(index: int, endpoint: Endpoint) -> Iterator[_Way]:
    """The default routes by an endpoint. Without a gateway it is the link itself.

    But a server that lends addresses and names no router says that there is none.
    """
    if endpoint.default_route and endpoint.address and (endpoint.gateway or endpoint.lease is None):
        yield 4, IPv4Address(endpoint.gateway) if endpoint.gateway else None, index
    if endpoint.default_route6 and endpoint.address6 and not endpoint.advertised:
        yield 6, IPv6Address(endpoint.gateway6) if endpoint.gateway6 else None, index


def _set(endpoint: Endpoint, *, trusted_routers: bool) -> None:
    own = f"net/ipv6/conf/{endpoint.inner}"
    if endpoint.advertised:
        advertised.listen(endpoint)
    elif endpoint.address6:
        if not trusted_routers:
            sysctl.ensure(f"{own}/accept_ra", "0")
        sysctl.ensure(f"{own}/disable_ipv6", "0")
    else:
        try:
            # Without IPv6 no link-local address either, and no neighbour discovery at start. Of this interface only:
            # those that the container makes itself are its own business.
            sysctl.ensure(f"{own}/disable_ipv6", "1")
        except OSError:
            pass  # a kernel without IPv6, or a read-only /proc/sys: harmless
    for text in endpoint.sysctls:
        _set_one(text, endpoint.inner)


def _set_one(text: str, interface: str) -> None:
    """Raises EngineError, in dockerd's words."""
    match = SYSCTL.fullmatch(text)
    if match is None:
        raise EngineError(f"unrecognised network interface sysctl '{text}'")
    version, table, setting, value = match.groups()
    path = Path("/proc/sys/net") / version / table / interface / setting
    if not path.is_file():
        raise EngineError(f"{path} is not a sysctl file")
    try:
        path.write_text(value)
    except OSError as error:
        raise EngineError(f"unable to write to '{path}': {os.strerror(error.errno or 0).lower()}") from None


def remove(endpoint: Endpoint, namespace: int, later: Later) -> None:
    """Deletes the interface, where there is no other end to do it by. Nothing there is fine. Raises OSError."""
    with RouteSocket.inside(namespace) as inner:
        if (link := inner.link(endpoint.inner)) is not None:
            inner.delete_link(link.index, later)


def wake(namespace: int) -> None:
    """Brings the loopback up where no interface does. Raises OSError."""
    with RouteSocket.inside(namespace) as inside:
        inside.request(links.set_up(netlink.LOOPBACK_INDEX))


def mark(inner: RouteSocket, endpoint: Endpoint) -> None:
    """Says whose the interface is, for a driver whose links have no other end to be known by. Raises OSError."""
    if (link := inner.link(endpoint.inner)) is not None:
        inner.request(links.set_alias(link.index, f"{_MARK}{endpoint.id}"))


def settle(endpoints: Sequence[Endpoint], namespace: int) -> None:
    """After a daemon that died at work: interfaces of no endpoint go, and a way out that went with them comes back.

    A container's own changes of its routes stay. Raises OSError.
    """
    known = {f"{_MARK}{endpoint.id}" for endpoint in endpoints}
    with RouteSocket.inside(namespace) as inside:
        found = inside.links()
        strays = [link for link in found if link.alias.startswith(_MARK) and link.alias not in known]
        for link in strays:
            inside.request(netlink.delete_link(link.index))
        there = {version for version, _, _ in inside.default_routes()}
        ways = _all_ways([link for link in found if link not in strays], endpoints)
        inside.request(*(_way_message(way) for way in ways if way[0] not in there))


def lead_out(endpoints: Sequence[Endpoint], namespace: int) -> None:
    """The only default routes of the namespace are those of these endpoints. Raises OSError."""
    with RouteSocket.inside(namespace) as inside:
        found = inside.links()
        by_routers = advertised.lead_out(found, endpoints, namespace)
        wanted, there = _all_ways(found, endpoints), inside.default_routes()
        for way in there:
            version, _, index = way
            if way not in wanted and not (version == 6 and index in by_routers):
                _forget_default_route(inside, version, index)
        inside.request(*(_way_message(way) for way in wanted if way not in there))


def _way_message(way: _Way) -> Message:
    version, gateway, index = way
    return addressing.add_default_route(index, gateway, version)


def _all_ways(there: Sequence[Link], endpoints: Sequence[Endpoint]) -> list[_Way]:
    index = {link.name: link.index for link in there}
    return [way for one in endpoints if one.inner in index for way in _ways(index[one.inner], one)]


def _forget_default_route(inner: RouteSocket, version: int, index: int) -> None:
    try:
        inner.request(addressing.delete_default_route(version, index))
    except OSError as error:
        if error.errno not in _NO_ROUTE:
            raise
