"""Binds host ports, so that a port used by another program is found before the container starts, and kept after.

What the kernel's address translation leads to the container only needs a socket that keeps the port. The shim forwards
the rest, by sockets that listen: what comes by another version of IP than the container has, and to ::1, which cannot
be translated. It also forwards the ports for which the host's own rules for incoming packets are to decide: translated
packets pass the host by and never see those.
"""

import errno
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wharf.errors import Conflict, EngineError, InvalidArgument
from wharf.linux.listener import Listener, Redirection
from wharf.network.contract import PortRequest, PublishedPort
from wharf.network.ports import ANY_V4, ANY_V6, HostPort, PublishedPorts, host_addresses

_BACKLOG: Final = 511
#: What the kernel answers where IPv6 is missing or switched off.
_NO_IPV6: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)
_IP_PKTINFO: Final = 8  # Python has no name for it
_ONLY_FORWARDED: Final = (ANY_V6, "::1")
#: A port of the host, and the socket that keeps it; SCTP has none.
_Taken = tuple[HostPort, Listener | None]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the ports of a container lead. An address is "" where it has none of that version of IP."""

    ipv4: str = ""
    ipv6: str = ""
    translated: frozenset[int] = frozenset((4, 6))  # by the kernel; without a firewall the shim forwards everything
    routed: frozenset[int] = frozenset()  # versions of IP whose ports are reached at the container's own address
    networks: Mapping[int, str] = field(default_factory=dict)  # the container's, by version of IP

    def address(self, host_ip: str) -> str:
        """The container's address for what arrives at this one of the host's: of the same version, if it has one."""
        return (self.ipv6 or self.ipv4) if ":" in host_ip else (self.ipv4 or self.ipv6)

    def forwarded(self, host_ip: str) -> str:
        """The address that the shim forwards to; "" where the kernel leads packets to the container."""
        address = self.address(host_ip)
        same = _version(address) == _version(host_ip)
        by_kernel = same and _version(host_ip) in self.translated and host_ip not in _ONLY_FORWARDED
        return "" if by_kernel else address

    def lead(self, host_ip: str, *, through_input: bool) -> tuple[str, str]:
        """Where the shim forwards to, as forwarded(), and the network outside of which it does so in clients' names."""
        if not through_input:
            return self.forwarded(host_ip), ""
        address = self.address(host_ip)
        keeps = _version(address) == _version(host_ip) and _version(host_ip) in self.translated
        return address, self.networks.get(_version(host_ip), "") if keeps else ""


def reserve(
    requests: Sequence[PortRequest], target: Target, used: PublishedPorts, *, default: str = ""
) -> tuple[list[PublishedPort], list[Listener]]:
    """Binds all requested ports for a container, and notes them in `used`: all of them or none.

    Raises Conflict, with dockerd's words.
    """
    ports: list[PublishedPort] = []
    listeners: list[Listener] = []
    try:
        # Fixed ports first: a free one chosen for another request must not be one of them.
        for request in sorted(requests, key=lambda r: (not r.host_port, bool(r.host_port_end))):
            _check(request, target)
            addresses = host_addresses(request.host_ip, default)
            ports += _routed(request, addresses, target)
            bound = [ip for ip in addresses if _version(ip) not in target.routed]
            for host, listener in _reserve_one(request, bound, target, used) if bound else ():
                used.add(host)
                ports.append(_published(request, host))
                listeners += [listener] if listener is not None else []
    except BaseException:
        release(ports, used)
        for listener in listeners:
            listener.socket.close()
        raise
    return ports, listeners


def redirections(ports: Sequence[PublishedPort], target: Target) -> Iterator[Redirection]:
    """What the shim is to do at the sockets that it holds for these ports, which lead to this target now."""
    for port in ports:
        if port.host_port and port.protocol != "sctp":
            forwarded, network = target.lead(port.host_ip, through_input=port.through_input)
            leads_to = (forwarded, port.container_port) if forwarded else None
            yield Redirection(port.host_ip, port.host_port, port.protocol, leads_to, network)


def _check(request: PortRequest, target: Target) -> None:
    if request.protocol not in ("tcp", "udp", "sctp"):
        raise InvalidArgument(f"invalid protocol to publish: {request.protocol}")
    if request.through_input and request.protocol == "sctp":
        raise InvalidArgument("SCTP ports cannot obey the host's firewall: only the kernel can forward them")
    if request.through_input and target.routed:
        raise InvalidArgument("ports of a routed network cannot obey the host's firewall for incoming packets")


def _published(request: PortRequest, host: HostPort) -> PublishedPort:
    return PublishedPort(
        request.container_port, request.protocol, host.ip, host.port, through_input=request.through_input
    )


def _version(ip: str) -> int:
    return 6 if ":" in ip else 4


def _routed(request: PortRequest, addresses: Sequence[str], target: Target) -> list[PublishedPort]:
    """Ports that only have to be opened. They are shown at no address of the host in particular, as by dockerd."""
    versions = {_version(ip) for ip in addresses} & target.routed
    anywhere = [ANY_V4 if version == 4 else ANY_V6 for version in sorted(versions)]
    return [PublishedPort(request.container_port, request.protocol, ip, 0) for ip in anywhere]


def release(ports: Sequence[PublishedPort], used: PublishedPorts) -> None:
    for port in ports:
        used.discard(HostPort(port.host_ip, port.host_port, port.protocol))


def _reserve_one(request: PortRequest, addresses: Sequence[str], target: Target, used: PublishedPorts) -> list[_Taken]:
    """One host port on all addresses that the request means; of several candidates the first that works."""
    is_choice = request.host_port == 0 or request.host_port_end > request.host_port
    failure: EngineError = EngineError("all ports are allocated")
    for port in used.candidates(request):
        wanted = [HostPort(ip, port, request.protocol) for ip in addresses]
        taken = next((one for one in wanted if not used.is_free(one)), None)
        if taken is not None:
            if not is_choice:
                failure = Conflict(f"Bind for {taken} failed: port is already allocated")
            continue
        try:
            return list(_bind_all(wanted, request, target))
        except Conflict as error:
            failure = error
            if not is_choice:
                break
    raise failure


def _bind_all(wanted: Sequence[HostPort], request: PortRequest, target: Target) -> Iterator[_Taken]:
    made: list[_Taken] = []
    try:
        for host in wanted:
            forwarded, network = target.lead(host.ip, through_input=request.through_input)
            if request.protocol == "sctp":
                made += _without_socket(host, forwarded, only=len(wanted) == 1)
                continue
            try:
                bound = _bind(host, listen=bool(forwarded))
            except OSError as error:
                if host.ip == ANY_V6 and len(wanted) > 1 and error.errno in _NO_IPV6:
                    continue
                raise _explained(error, host, (target.address(host.ip), request.container_port)) from None
            leads_to = (forwarded, request.container_port) if forwarded else None
            made.append((host, Listener(bound, host.protocol, leads_to, network)))
    except BaseException:
        for _, listener in made:
            if listener is not None:
                listener.socket.close()
        raise
    return iter(made)


def _without_socket(host: HostPort, forwarded: str, *, only: bool) -> Iterator[_Taken]:
    """SCTP: the kernel's translation alone, as few programs (and kernels) have such sockets. Raises InvalidArgument."""
    if not forwarded:
        yield host, None
    elif only:
        raise InvalidArgument(f"SCTP cannot be led from {host} to the container: only the kernel can forward it")


def _explained(error: OSError, host: HostPort, target: tuple[str, int]) -> EngineError:
    words = os.strerror(error.errno or 0).lower()
    text = f"failed to bind host port for {host}:{target[0]}:{target[1]}/{host.protocol}: {words}"
    return Conflict(text) if error.errno == errno.EADDRINUSE else EngineError(text)


def _bind(host: HostPort, *, listen: bool) -> socket.socket:
    """Raises OSError. The socket is the caller's."""
    if host.protocol == "udp":
        return _bound(host, reuse=False)
    if listen:
        made = _bound(host, reuse=True)
        try:
            made.listen(_BACKLOG)
        except BaseException:
            made.close()
            raise
        return made
    # Bound but not listening: a connection that comes before the kernel translates the port is refused. A listening
    # socket would take it and leave it waiting for ever.
    try:
        return _bound(host, reuse=False)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return _bound_over_remains(host)


def _bound(host: HostPort, *, reuse: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host.ip else socket.AF_INET
    kind = socket.SOCK_DGRAM if host.protocol == "udp" else socket.SOCK_STREAM
    made = socket.socket(family, kind | socket.SOCK_CLOEXEC)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        if host.protocol == "udp":
            _tell_destinations(made)
        made.bind((host.ip, host.port))
    except BaseException:
        made.close()
        raise
    return made


def _tell_destinations(datagrams: socket.socket) -> None:
    """Whoever forwards them is told to which of the host's addresses each came: answers have to come from there."""
    if datagrams.family == socket.AF_INET6:
        datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        datagrams.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _bound_over_remains(host: HostPort) -> socket.socket:
    """Takes a port on which only closed connections remain (TIME_WAIT), as servers do. Raises OSError if it is in use.

    Only listen(2) tells the difference; shutdown(2) ends the listening and keeps the port. Afterwards others may not
    share the port, as we did.
    """
    made = _bound(host, reuse=True)
    try:
        made.listen(1)
        made.shutdown(socket.SHUT_RDWR)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except BaseException:
        made.close()
        raise
    return made
