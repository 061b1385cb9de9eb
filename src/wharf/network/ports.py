"""Host ports: reserved by sockets, so that neither host processes nor other containers can take them meanwhile."""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_address

from wharf.errors import Conflict, EngineError
from wharf.linux.listener import Listener
from wharf.network.contract import PortRequest, PublishedPort

#: How often a port that the kernel chose is tried again when another address family has it in use.
TRIES = 32
BACKLOG = 128


def host_addresses(text: str, *, ipv6: bool) -> list[str]:
    """The addresses at which a request publishes: every one where it names none."""
    if text:
        return [str(ip_address(text))]
    return ["0.0.0.0", "::"] if ipv6 else ["0.0.0.0"]


def has_ipv6() -> bool:
    """Whether a socket can be bound to IPv6 here."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def candidates(request: PortRequest) -> Iterator[int]:
    """The host ports to try, in order; 0 lets the kernel choose."""
    if request.host_port_end:
        yield from range(request.host_port, request.host_port_end + 1)
    elif request.host_port:
        yield request.host_port
    else:
        yield from (0,) * TRIES


def reserve(
    request: PortRequest,
    *,
    address: str,
    ipv6: bool,
    is_ours: Callable[[str, str, int], bool],
    publish_address: str = "",
) -> tuple[list[PublishedPort], list[Listener]]:
    """Takes the first host port that is free at all addresses. The caller closes the listeners.

    `is_ours` tells whether a container of ours has (protocol, host address, port). Raises Conflict in dockerd's words.
    """
    hosts = host_addresses(request.host_ip or publish_address, ipv6=ipv6)
    failure: EngineError | None = None
    for candidate in candidates(request):
        try:
            return _reserve_at(request, hosts, candidate, address, is_ours)
        except Conflict as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _reserve_at(
    request: PortRequest, hosts: list[str], port: int, address: str, is_ours: Callable[[str, str, int], bool]
) -> tuple[list[PublishedPort], list[Listener]]:
    published, listeners = [], []
    with ExitStack() as opened:
        for host in hosts:
            bound = opened.enter_context(_bind(host, port, request, is_ours))
            port = port or bound.getsockname()[1]
            is_v6 = ":" in host
            if is_v6 and request.protocol == "tcp":
                bound.listen(BACKLOG)
            listeners.append(Listener(bound, request.protocol, (address, request.container_port) if is_v6 else None))
            published.append(PublishedPort(request.container_port, request.protocol, host, port))
        opened.pop_all()
    return published, listeners


def _bind(host: str, port: int, request: PortRequest, is_ours: Callable[[str, str, int], bool]) -> socket.socket:
    if port and is_ours(request.protocol, host, port):
        raise Conflict(f"Bind for {_shown(host)}:{port} failed: port is already allocated")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_STREAM if request.protocol == "tcp" else socket.SOCK_DGRAM
    bound = socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if request.protocol == "tcp":
            # Connections of an earlier container that linger in TIME_WAIT do not matter ...
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        # ... but nobody may share the port with us: an IPv4 socket is only bound, not listening, so that a packet
        # which no rule takes is refused at once instead of waiting for an answer.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError as error:
        bound.close()
        raise _failure(error, host, port, request) from None
    return bound


def _failure(error: OSError, host: str, port: int, request: PortRequest) -> EngineError:
    where = f"{_shown(host)}:{port}"
    family = "6" if ":" in host else "4"
    text = f"failed to bind host port {where}/{request.protocol}: listen {request.protocol}{family} {where}: bind: "
    if error.errno == errno.EADDRINUSE:
        return Conflict(text + "address already in use")
    if error.errno == errno.EADDRNOTAVAIL:
        return EngineError(text + "cannot assign requested address")
    return EngineError(text + (error.strerror or str(error)).lower())


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
