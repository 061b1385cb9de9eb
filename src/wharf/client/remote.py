"""Daemons that are not behind a unix socket: TCP, TLS, and ssh. Apart, because these imports are slow."""

import os
import shutil
import socket
import ssl
import subprocess

from wharf.client.address import Address, TLSFiles
from wharf.client.errors import CannotConnect
from wharf.client.tls import secured
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


def open_tcp(address: Address) -> socket.socket:
    plain = socket.create_connection((address.target, address.port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.tls is None:
        return plain
    try:
        return secured(plain, tls_context(address.tls), address.target)
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
