# No pathlib, no socket: their enumerations would double the shim's memory.
"""Reaching a receiver: at once, or in a child that tries until it gets there.

The names of hosts are looked up in the child, and the waiting between two attempts is its own too, so a shim never
waits for a receiver that has gone.
"""

import _socket
import array
import os
import time
from collections.abc import Mapping
from typing import Any, Final

from wharf.linux import syscall
from wharf.runtime.shim.logfile import NoLog

_CONNECT_LIMIT: Final = 10.0
#: Where local syslog daemons listen.
_LOCAL: Final = ("/dev/log", "/var/run/syslog", "/var/run/log")
#: A receiver across a network that takes nothing for so long counts as gone.
_STUCK_LIMIT: Final = 60.0
_TCP_USER_TIMEOUT: Final = 18
#: Between two attempts, whatever is asked for: the processor is for others too.
_SHORTEST_DELAY: Final = 0.05
_LONGEST_DELAY: Final = 60.0
_GROWTH: Final = 1.5
_TIMED_OUT: Final = "i/o timeout"


def first_connection(where: Mapping[str, Any]) -> _socket.socket | None:
    """The connection with which a container starts; None where one is made when there is something to send.

    Raises NoLog, in dockerd's words for the driver, where the start has to fail.
    """
    if where["lazy"]:
        return None
    try:
        connection = connect(where)
        if where["network"] == "tls":
            from wharf.runtime.shim.remote import tls

            tls.check(connection, where)  # its state cannot be handed over
            return None
    except NoLog as error:
        raise NoLog(where["unreachable"] % {"reason": error}) from None
    return connection


def connect(where: Mapping[str, Any]) -> _socket.socket:
    """A connection to the receiver. Blocks. Raises NoLog.

    `where` has `network` ("tcp", "tls", "udp", "unix", "unixgram", or "local" for a syslog daemon of this host),
    `address` (`host:port`, or a path) and `stuck_limit`, in seconds (0 is ours).
    """
    network: str = where["network"]
    if network == "local":
        return _connect_local()
    if network in ("unix", "unixgram"):
        return _connect_unix(network, where["address"])
    return _connect_host(network, where)


def _connect_unix(network: str, path: str) -> _socket.socket:
    kind = _socket.SOCK_STREAM if network == "unix" else _socket.SOCK_DGRAM
    connection = _socket.socket(_socket.AF_UNIX, kind)
    try:
        connection.connect(path)
    except OSError as error:
        connection.close()
        raise NoLog(f"dial {network} {path}: connect: {_reason(error)}") from None
    return connection


def _connect_local() -> _socket.socket:
    for network in ("unixgram", "unix"):
        for path in _LOCAL:
            try:
                return _connect_unix(network, path)
            except NoLog:
                pass
    raise NoLog("Unix syslog delivery error")


def _connect_host(network: str, where: Mapping[str, Any]) -> _socket.socket:
    transport = "udp" if network == "udp" else "tcp"
    host, _, port = where["address"].rpartition(":")
    host = host.strip("[]")
    kind = _socket.SOCK_DGRAM if network == "udp" else _socket.SOCK_STREAM
    try:
        found = _socket.getaddrinfo(host or "localhost", int(port), 0, kind)
    except OSError:
        raise NoLog(f"dial {transport}: lookup {host}: no such host") from None
    reason = ""
    for family, _, protocol, _, address in found:
        connection = _socket.socket(family, kind, protocol)
        connection.settimeout(_CONNECT_LIMIT)
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            if not reason:
                name = f"[{address[0]}]" if family == _socket.AF_INET6 else address[0]
                said = _reason(error)
                reason = f"dial {transport} {name}:{port}: {said if said == _TIMED_OUT else f'connect: {said}'}"
            continue
        if transport == "tcp":
            limit = where["stuck_limit"] or _STUCK_LIMIT
            connection.setsockopt(_socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(limit * 1000))
            connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
        return connection
    raise NoLog(reason)


def _reason(error: OSError) -> str:
    if error.errno is None:
        return _TIMED_OUT
    return os.strerror(error.errno).lower()


class Attempts:
    """A child that tries to connect until it has, or has failed `times` times. It dies with us."""

    def __init__(self, where: Mapping[str, Any], retry: Mapping[str, Any], delay: float) -> None:
        """Waits `delay` seconds before the first attempt, then `retry`: `wait`, whether it `grows`, and `times`."""
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        shim = os.getpid()
        if os.fork() == 0:
            try:
                if syscall.die_with(shim):
                    _keep_only(theirs.fileno())
                    _try(where, retry, delay, theirs)
            finally:
                os._exit(0)
        theirs.close()
        self._socket = ours
        self.fd = ours.fileno()

    def result(self) -> _socket.socket | None:
        """The connection, when `fd` is readable; None when the child has given up."""
        data, control, _, _ = self._socket.recvmsg(1, _socket.CMSG_SPACE(4), _socket.MSG_CMSG_CLOEXEC)
        self._socket.close()
        if not data or not control:
            return None
        return _socket.socket(fileno=memoryview(control[0][2]).cast("i")[0])


def _keep_only(fd: int) -> None:
    """The child holds none of the shim's files: whoever waits for the end of one must not wait for it too."""
    os.closerange(0, fd)
    os.closerange(fd + 1, 1 << 20)


def _try(where: Mapping[str, Any], retry: Mapping[str, Any], delay: float, channel: _socket.socket) -> None:
    failed = 0
    while True:
        time.sleep(delay)
        try:
            connection = connect(where)
        except NoLog:
            failed += 1
            if failed == retry["times"] or not _is_wanted(channel):
                return
            growth = _GROWTH if retry["grows"] and delay else 1.0
            delay = min(_LONGEST_DELAY, max(delay, retry["wait"], _SHORTEST_DELAY) * growth)
            continue
        rights = array.array("i", [connection.fileno()])
        channel.sendmsg([b"+"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)], _socket.MSG_NOSIGNAL)
        return


def _is_wanted(channel: _socket.socket) -> bool:
    """Whether the shim still waits: nothing is said on the channel but its end."""
    try:
        return bool(channel.recv(1, _socket.MSG_DONTWAIT))
    except BlockingIOError:
        return True
