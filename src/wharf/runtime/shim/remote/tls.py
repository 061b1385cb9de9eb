"""Frames through TLS. Loads the ssl module, which takes some megabytes: only for receivers that ask for it."""

import _socket
import socket
import ssl
from collections.abc import Mapping
from typing import Any, Final

from wharf.runtime.shim.logfile import NoLog
from wharf.runtime.shim.loop import READ, WRITE
from wharf.runtime.shim.remote.links import StreamLink

_HANDSHAKE_LIMIT: Final = 10.0


def context(files: Mapping[str, Any]) -> ssl.SSLContext:
    """From `ca`, `cert`, `key` (paths, "" for none) and `verify`. Raises NoLog for a file that is no use."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if not files["verify"]:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif not files["ca"]:
        made.load_default_certs()
    try:
        if files["ca"]:
            made.load_verify_locations(files["ca"])
    except OSError as error:
        raise NoLog(f'could not read CA certificate "{files["ca"]}": {_said(error)}') from None
    try:
        if files["cert"]:
            made.load_cert_chain(files["cert"], files["key"] or None)
    except OSError as error:
        raise NoLog(f"Could not load X509 key pair: {_said(error)}") from None
    return made


def _said(error: OSError) -> str:
    return str(error.strerror or error).lower()


def check(connection: _socket.socket, where: Mapping[str, Any]) -> None:
    """Shakes hands once, and ends it. Blocks. Raises NoLog: better the start fails than the log, unseen."""
    made = context(where["tls"])
    try:
        with _wrapped(connection, made, where, handshake=True):
            pass
    except OSError as error:
        raise NoLog(f"tls: {_said(error)}") from None


def _wrapped(
    connection: _socket.socket, made: ssl.SSLContext, where: Mapping[str, Any], *, handshake: bool
) -> ssl.SSLSocket:
    host = where["address"].rpartition(":")[0].strip("[]")
    taken = socket.socket(fileno=connection.detach())
    if handshake:
        taken.settimeout(_HANDSHAKE_LIMIT)
    return made.wrap_socket(taken, do_handshake_on_connect=handshake, server_hostname=host)


class TlsLink(StreamLink):
    """A stream whose handshake happens when first something is sent."""

    def __init__(self, connection: _socket.socket, where: Mapping[str, Any]) -> None:
        super().__init__(_wrapped(connection, context(where["tls"]), where, handshake=False))
        self._shaken = False

    def _write(self, views: list[Any]) -> int:
        if not self._shaken:
            self._patiently(self._socket.do_handshake)
            self._shaken = True
        # The same bytes must be offered again after it could not take them; later frames do not change the first.
        return int(self._patiently(lambda: self._socket.send(views[0])))

    def receive(self) -> bytes:
        if not self._shaken:
            raise BlockingIOError
        return bytes(self._patiently(lambda: self._socket.recv(1 << 12)))

    def _patiently(self, work: Any) -> Any:
        try:
            return work()
        except ssl.SSLWantReadError:
            self.wants = READ
        except ssl.SSLWantWriteError:
            self.wants = READ | WRITE
        raise BlockingIOError
