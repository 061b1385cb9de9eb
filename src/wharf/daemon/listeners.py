"""The sockets on which the API is served."""

import errno
import grp
import os
import socket
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wharf.daemon.hosts import Host, SystemdHost, TcpHost, UnixHost
from wharf.errors import Conflict, EngineError, InvalidArgument

if TYPE_CHECKING:
    from ssl import SSLContext

BACKLOG: Final = 1024
MODE: Final = 0o660
DEFAULT_GROUP: Final = "docker"


@dataclass(frozen=True, slots=True)
class Open:
    """A listening socket. `made` is the path that goes with it, where we made one, and `inode` what we made there."""

    host: Host
    socket: socket.socket
    made: Path | None = None
    inode: int = 0

    @property
    def over_network(self) -> bool:
        return self.socket.family != socket.AF_UNIX

    def close(self) -> None:
        """Closes it, and removes its path unless somebody else's socket is there by now."""
        try:
            if self.made is not None and self.made.lstat().st_ino == self.inode:
                self.made.unlink()
        except FileNotFoundError:
            pass  # somebody tidied up
        self.socket.close()


def open_all(hosts: Sequence[Host], group: str, passed: Mapping[str, Sequence[socket.socket]]) -> list[Open]:
    """All listeners, or none: after a failure those opened before are closed again."""
    opened: list[Open] = []
    try:
        for host in hosts:
            opened.extend(_open(host, group, passed))
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    return opened


def _open(host: Host, group: str, passed: Mapping[str, Sequence[socket.socket]]) -> list[Open]:
    match host:
        case UnixHost(path):
            return [_open_unix(host, path, group)]
        case TcpHost():
            return [_open_tcp(host)]
        case SystemdHost(name):
            return [Open(host, sock) for sock in _passed(host, name, passed)]


def _passed(host: Host, name: str, passed: Mapping[str, Sequence[socket.socket]]) -> list[socket.socket]:
    found = [sock for key, sockets in passed.items() if name in ("", key) for sock in sockets]
    if not found:
        raise EngineError(f"no sockets found via socket activation for {host}: make sure the service was started by it")
    return found


def _open_tcp(host: TcpHost) -> Open:
    try:
        if not host.address and socket.has_dualstack_ipv6():
            sock = socket.create_server(("", host.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
        else:
            family = socket.AF_INET6 if ":" in host.address else socket.AF_INET
            sock = socket.create_server((host.address, host.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise EngineError(f"cannot listen on {host}: {error.strerror or error}") from None
    return Open(host, sock)


def _open_unix(host: UnixHost, path: Path, group: str) -> Open:
    """Made beside its place and moved there: nobody ever sees it with wrong rights, or not listening."""
    owner = _group_id(group)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise EngineError(f"cannot make the directory of {host}: {error.strerror}") from None
    try:
        # By way of the directory's descriptor: an address holds 107 bytes, a path may be longer.
        place = Path(f"/proc/self/fd/{directory}")
        _refuse_if_served(place / path.name, host)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        temporary = place / f".{os.getpid()}.sock"
        temporary.unlink(missing_ok=True)
        try:
            sock.bind(str(temporary))
            os.chown(temporary, 0 if os.geteuid() == 0 else -1, owner)
            temporary.chmod(MODE)
            sock.listen(BACKLOG)
            inode = temporary.lstat().st_ino
            temporary.rename(place / path.name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            sock.close()
            raise
    except OSError as error:
        raise EngineError(f"cannot listen on {host}: {error.strerror or error}") from None
    finally:
        os.close(directory)
    return Open(host, sock, path, inode)


def _refuse_if_served(path: Path, host: UnixHost) -> None:
    """A socket that nobody serves any more is left over from a daemon that was killed, and may be replaced."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise InvalidArgument(f"cannot listen on {host}: there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except OSError as error:
            # A full queue or a slow answer: somebody is there.
            if error.errno not in (errno.EAGAIN, errno.ETIMEDOUT) and not isinstance(error, TimeoutError):
                raise
    raise Conflict(f"cannot listen on {host}: another process serves it")


def _group_id(name: str) -> int:
    """The number of a group; -1, which changes nothing, if only the default group is missing."""
    if not name:
        return -1
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if name == DEFAULT_GROUP:
            return -1
        raise InvalidArgument(f"group {name} not found") from None


def tls_context(*, ca: str, certificate: str, key: str, verify: bool) -> "SSLContext":
    """TLS 1.2 or newer; with `verify`, only for clients that have a certificate signed by `ca`."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
        if verify:
            context.load_verify_locations(ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise InvalidArgument(f"cannot use the TLS files {certificate}, {key}, {ca}: {error}") from None
    context.set_alpn_protocols(["http/1.1"])
    return context
