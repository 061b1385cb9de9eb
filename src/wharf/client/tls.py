"""TLS behind a plain socket: a thread encrypts and decrypts, so that all others see two directions that end one by one.

ssl.SSLSocket cannot close one direction only: its shutdown reads as well, and fails for good when the other side's data
come just then. `echo x | wharf run -i` over TLS would lose the output now and then.
"""

import select
import socket
import ssl
import threading
from typing import Final

_PART: Final = 64 * 1024
#: Bytes that wait for one side before the other is not read any more.
_FULL: Final = 256 * 1024
_LEFT: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL


class TlsSocket(socket.socket):
    """Our end of the plain pair. When the connection failed, reading says why."""

    relay: "Relay"

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        if not data and self.relay.failure is not None:
            raise self.relay.failure
        return data


def secured(remote: socket.socket, context: ssl.SSLContext, name: str) -> TlsSocket:
    """A socket for the plain bytes of a connection to `name`, which is closed with it. Raises ssl.SSLError, OSError."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            remote.sendall(outgoing.read())
            if data := remote.recv(_PART):
                incoming.write(data)
            else:
                incoming.write_eof()
    remote.sendall(outgoing.read())
    ours, theirs = socket.socketpair()
    made = TlsSocket(fileno=ours.detach())
    made.relay = Relay(remote, theirs, tls, incoming, outgoing)
    threading.Thread(target=made.relay.run, name="tls", daemon=True).start()
    return made


class Relay:
    """Copies between the encrypted and the plain side until both directions have ended or one side is gone."""

    def __init__(
        self,
        remote: socket.socket,
        local: socket.socket,
        tls: ssl.SSLObject,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
    ) -> None:
        self._remote = remote
        self._local = local
        self._tls = tls
        self._incoming = incoming
        self._outgoing = outgoing
        self._to_remote = bytearray(outgoing.read())
        self._to_local = bytearray()
        self._remote_ended = self._local_ended = self._told_local = False
        self._abandoned = False  # nobody will read what comes: our side was closed, not only ended
        self.failure: OSError | None = None

    def run(self) -> None:
        try:
            self._remote.setblocking(False)
            self._local.setblocking(False)
            self._decrypt()  # what came with the end of the handshake
            while not self._done:
                self._turn()
        except OSError as error:  # also ssl.SSLError
            self.failure = error
        finally:
            self._local.close()
            self._remote.close()

    @property
    def _done(self) -> bool:
        if self._to_remote:
            return False
        return self._abandoned or (self._local_ended and self._remote_ended and not self._to_local)

    def _turn(self) -> None:
        local, remote = self._wait()
        if remote & select.POLLOUT:
            _send(self._remote, self._to_remote)
        if remote & (select.POLLIN | _LEFT):
            self._receive()
        if local & select.POLLIN:
            self._encrypt()
        elif local & _LEFT:
            self._abandoned = True
        if local & select.POLLOUT and not local & _LEFT:
            _send(self._local, self._to_local)
        if self._remote_ended and not self._to_local and not self._told_local:
            self._told_local = True
            self._local.shutdown(socket.SHUT_WR)

    def _wait(self) -> tuple[int, int]:
        """What there is to do on each side."""
        poll = select.poll()
        if not self._abandoned:
            poll.register(self._local, self._events(self._local_ended, self._to_remote, self._to_local))
        # A side that is registered tells of its hang-up again and again.
        if events := self._events(self._remote_ended, self._to_local, self._to_remote):
            poll.register(self._remote, events)
        ready = dict(poll.poll())
        return ready.get(self._local.fileno(), 0), ready.get(self._remote.fileno(), 0)

    @staticmethod
    def _events(ended: bool, onward: bytearray, own: bytearray) -> int:
        """What to wait for on a side: `onward` is what came from it, `own` what it shall get."""
        reads = 0 if ended or len(onward) > _FULL else select.POLLIN
        return reads | (select.POLLOUT if own else 0)

    def _encrypt(self) -> None:
        if data := self._local.recv(_PART):
            self._tls.write(data)
        else:
            self._local_ended = True
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                pass  # our close_notify is on the way; the other side's comes when it has sent all
        self._to_remote += self._outgoing.read()

    def _receive(self) -> None:
        if data := self._remote.recv(_PART):
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
            self._remote_ended = True
        self._decrypt()

    def _decrypt(self) -> None:
        try:
            while data := self._tls.read(_PART):
                self._to_local += data
            self._remote_ended = True
        except ssl.SSLZeroReturnError:  # its close_notify has come; what was said before it may still wait to be read
            self._remote_ended = True
        except (ssl.SSLWantReadError, ssl.SSLEOFError):
            pass
        self._to_remote += self._outgoing.read()


def _send(to: socket.socket, data: bytearray) -> None:
    del data[: to.send(data)]
