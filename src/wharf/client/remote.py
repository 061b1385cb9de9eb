"""Daemons that are not behind a unix socket: TCP, TLS, and ssh. Apart, because these imports are slow."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess

from wharf.client.address import Address, TLSFiles
from wharf.client.errors import CannotConnect
from wharf.errors import InvalidArgument, Unavailable


def tls_context(files: TLSFiles) -> ssl.SSLContext:
    """Raises InvalidArgument when a named file cannot be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if files.verify:
            if os.path.exists(files.ca):  # noqa: PTH110
                context.load_verify_locations(files.ca)
            else:
                context.load_default_certs()
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if os.path.exists(files.cert) or os.path.exists(files.key):  # noqa: PTH110
            context.load_cert_chain(files.cert, files.key)
    except OSError as error:
        raise InvalidArgument(f"unable to resolve docker endpoint: {error}") from None
    return context


class TLSSocket:
    """A TLS connection that can be closed in one direction only, as a container's stdin must be."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._socket = context.wrap_socket(plain, server_hostname=name)
        self.fileno = self._socket.fileno
        self.send = self._socket.send
        self.sendall = self._socket.sendall
        self.setblocking = self._socket.setblocking
        self.close = self._socket.close
        self.pending = self._socket.pending

    def recv(self, size: int, /) -> bytes:
        try:
            return self._socket.recv(size)
        except ssl.SSLWantReadError:
            raise BlockingIOError from None
        except ssl.SSLEOFError:
            return b""

    def shutdown(self, how: int, /) -> None:
        # SSLSocket.shutdown() would throw the TLS state away and with it what still comes; close_notify alone is meant.
        self._socket.setblocking(False)
        with contextlib.suppress(ssl.SSLError, OSError):
            self._socket.unwrap()


def open_tcp(address: Address) -> "socket.socket | TLSSocket":
    plain = socket.create_connection((address.target, address.port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.tls is None:
        return plain
    try:
        return TLSSocket(plain, tls_context(address.tls), address.target)
    except ssl.SSLError as error:
        plain.close()
        raise Unavailable(f"error during connect: {error}") from None


def open_ssh(address: Address) -> socket.socket:
    """A socket whose other end is `docker system dial-stdio` (or wharf's) on the far host. Raises CannotConnect."""
    if shutil.which("ssh") is None:
        raise CannotConnect(address.text, OSError("ssh is not installed"))
    ours, theirs = socket.socketpair()
    place = ["-p", str(address.port)] if address.port else []
    user = ["-l", address.user] if address.user else []
    far = "command -v wharf >/dev/null && exec wharf system dial-stdio || exec docker system dial-stdio"
    with theirs:
        # Not waited for: it ends with the connection, and we end soon after.
        subprocess.Popen(
            ["ssh", *user, *place, "-o", "ConnectTimeout=30", "-T", "--", address.target, far],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            start_new_session=True,
        )
    return ours
