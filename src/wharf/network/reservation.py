"""Binds host ports, so that a port used by another program is found before the container starts, and kept after.

IPv4 is led to the container by the kernel's address translation; its sockets only keep the port. IPv6 is forwarded by
the shim, which needs a socket that listens.
"""

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Final

from wharf.errors import Conflict, EngineError, InvalidArgument
from wharf.linux.listener import Listener
from wharf.network.contract import PortRequest, PublishedPort
from wharf.network.ports import ANY_V6, HostPort, PublishedPorts, host_addresses

_BACKLOG: Final = 511
#: What the kernel answers where IPv6 is missing or switched off.
_NO_IPV6: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


def reserve(
    requests: Sequence[PortRequest], address: str, used: PublishedPorts, *, default: str = "", translated: bool = True
) -> tuple[list[PublishedPort], list[Listener]]:
    """Binds all requested ports for the container at `address`, and notes them in `used`: all of them or none.

    With `translated` false (no firewall), the shim forwards IPv4 too. Raises Conflict, with dockerd's words.
    """
    ports: list[PublishedPort] = []
    listeners: list[Listener] = []
    try:
        # Fixed ports first: a free one chosen for another request must not be one of them.
        for request in sorted(requests, key=lambda r: (not r.host_port, bool(r.host_port_end))):
            for host, listener in _reserve_one(request, address, used, default, translated):
                used.add(host)
                ports.append(PublishedPort(request.container_port, request.protocol, host.ip, host.port))
                listeners.append(listener)
    except BaseException:
        release(ports, used)
        for listener in listeners:
            listener.socket.close()
        raise
    return ports, listeners


def release(ports: Sequence[PublishedPort], used: PublishedPorts) -> None:
    for port in ports:
        used.discard(HostPort(port.host_ip, port.host_port, port.protocol))


def _reserve_one(
    request: PortRequest, address: str, used: PublishedPorts, default: str, translated: bool
) -> list[tuple[HostPort, Listener]]:
    """One host port on all addresses that the request means; of several candidates the first that works."""
    if request.protocol not in ("tcp", "udp"):
        raise InvalidArgument(f"invalid protocol to publish: {request.protocol}")
    addresses = host_addresses(request.host_ip, default)
    is_choice = request.host_port == 0 or request.host_port_end > request.host_port
    failure: EngineError = EngineError("all ports are allocated")
    for port in used.candidates(request):
        wanted = [HostPort(ip, port, request.protocol) for ip in addresses]
        taken = next((one for one in wanted if not used.is_free(one)), None)
        if taken is not None:
            failure = Conflict(f"Bind for {taken} failed: port is already allocated")
            continue
        try:
            return list(_bind_all(wanted, (address, request.container_port), translated))
        except Conflict as error:
            failure = error
            if not is_choice:
                break
    raise failure


def _bind_all(
    wanted: Sequence[HostPort], target: tuple[str, int], translated: bool
) -> Iterator[tuple[HostPort, Listener]]:
    made: list[tuple[HostPort, Listener]] = []
    try:
        for host in wanted:
            forwarded = not translated or ":" in host.ip
            try:
                bound = _bind(host, listen=forwarded)
            except OSError as error:
                if host.ip == ANY_V6 and len(wanted) > 1 and error.errno in _NO_IPV6:
                    continue
                raise _explained(error, host, target) from None
            made.append((host, Listener(bound, host.protocol, target if forwarded else None)))
    except BaseException:
        for _, listener in made:
            listener.socket.close()
        raise
    return iter(made)


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
        made.bind((host.ip, host.port))
    except BaseException:
        made.close()
        raise
    return made


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
