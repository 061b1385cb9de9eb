"""TLS whose two directions end one by one, which asyncio's own does not offer.

A client whose stdin has ended (`echo x | docker run -i`) closes its direction by a close_notify and goes on reading;
asyncio would close the whole connection then, and the container's output were lost (RFC 8446, 6.1 has the two closures
apart).
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

#: Seconds that a client may take to say who it is.
HANDSHAKE_TIMEOUT: Final = 30.0
_RECORDS: Final = 256 * 1024


class TlsConnection(asyncio.Protocol):
    """Stands between a plain transport and the protocol of the decrypted bytes, which is made after the handshake."""

    def __init__(self, context: ssl.SSLContext, factory: Callable[[], asyncio.Protocol]) -> None:
        self._factory = factory
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._plain: asyncio.Transport = cast(asyncio.Transport, None)
        self._inner: asyncio.Protocol | None = None
        self._ended = False  # the client has closed its direction
        self._timer: asyncio.TimerHandle | None = None

    # ── what the plain transport tells us ──

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._plain = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT, self._plain.abort)

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        try:
            if self._inner is None:
                self._shake_hands()
            if self._inner is not None:
                self._decrypt(self._inner)
        except ssl.SSLWantReadError:
            self.flush()
        except ssl.SSLError:
            # A client that we do not trust or that broke the protocol; what it did is told by an alert.
            self.flush()
            self._plain.close()

    def eof_received(self) -> bool:
        # Without a close_notify before it, somebody has cut the connection: what came may be half of it.
        return self._ended

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._inner is not None:
            self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    # ── between them ──

    def _shake_hands(self) -> None:
        self._tls.do_handshake()
        self.flush()
        if self._timer is not None:
            self._timer.cancel()
        self._inner = self._factory()
        self._inner.connection_made(TlsTransport(self, self._plain))

    def _decrypt(self, inner: asyncio.Protocol) -> None:
        """Raises SSLWantReadError in the end, unless the client has closed its direction."""
        while not self._plain.is_closing():
            data = self._tls.read(_RECORDS)
            if not data:
                self._end(inner)
                return
            inner.data_received(data)

    def _end(self, inner: asyncio.Protocol) -> None:
        if not self._ended:
            self._ended = True
            if not inner.eof_received():
                self.close()

    # ── what the transport of the decrypted bytes asks for ──

    def write(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]
        self.flush()

    def say_end(self) -> None:
        """Closes our direction."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # the client's own close_notify has not come, and is not waited for
        self.flush()

    def flush(self) -> None:
        if (data := self._outgoing.read()) and not self._plain.is_closing():
            self._plain.write(data)

    def close(self) -> None:
        if not self._plain.is_closing():
            self.say_end()
            self._plain.close()


class TlsTransport(asyncio.Transport):
    """The decrypted bytes' own transport. Buffers, limits and addresses are those of the plain one."""

    def __init__(self, connection: TlsConnection, plain: asyncio.Transport) -> None:
        super().__init__()
        self._connection = connection
        self._plain = plain
        self._ended = False

    def get_write_buffer_size(self) -> int:
        return self._plain.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._plain.set_write_buffer_limits(high, low)

    def pause_reading(self) -> None:
        self._plain.pause_reading()

    def resume_reading(self) -> None:
        self._plain.resume_reading()

    def is_closing(self) -> bool:
        return self._plain.is_closing()

    def abort(self) -> None:
        self._plain.abort()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._plain.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._ended and not self._plain.is_closing():
            self._connection.write(data)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._ended:
            self._ended = True
            self._connection.say_end()

    def close(self) -> None:
        self._connection.close()
