"""A container's streams on our own: what `run`, `start -a`, `attach` and `exec` do while they wait."""

import os
import select

from wharf.cli.output import STDERR, STDOUT, write
from wharf.client.connection import READ_SIZE
from wharf.client.frames import SYSTEM, Unframer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wharf.cli.detach import KeyWatch
    from wharf.client.connection import Connection

STDIN = 0
CLOSE_WRITING = 1  # SHUT_WR
STDIN_SIZE = 64 * 1024


class Session:
    """Copies both ways until the container's side ends, or the detach keys are typed.

    Both directions go on independently: a container that answers while we still send blocks nobody. We stop reading
    our stdin while the container takes nothing.
    """

    def __init__(self, connection: "Connection", *, stdin: bool, tty: bool, keys: "KeyWatch | None" = None) -> None:
        self._connection = connection
        self._socket = connection.socket
        self._stdin = stdin
        self._keys = keys
        self._frames = None if tty else Unframer()
        self._unsent = memoryview(b"")
        self._closing = False  # our stdin has ended; to be told when all is sent
        self.error = ""

    def run(self) -> bool:
        """True when the streams ended, False when the user detached."""
        self._show(self._connection.take_early())
        poll = select.poll()
        self._socket.setblocking(False)
        poll.register(self._socket.fileno(), select.POLLIN)
        if self._stdin:
            self._watch_stdin(poll)
        while True:
            for descriptor, events in poll.poll():
                if descriptor == STDIN:
                    self._read_stdin()
                elif events & select.POLLOUT:
                    self._send()
                if descriptor != STDIN and events & ~select.POLLOUT and not self._receive():
                    return True
            if self._keys is not None and self._keys.seen:
                return False
            self._update(poll)

    def _watch_stdin(self, poll: select.poll) -> None:
        try:
            poll.register(STDIN, select.POLLIN)
        except OSError:
            self._stdin = False

    def _update(self, poll: select.poll) -> None:
        """Wait for writing while there is something unsent, for stdin while there is not."""
        waiting = len(self._unsent) > 0
        poll.modify(self._socket.fileno(), select.POLLIN | (select.POLLOUT if waiting else 0))
        if self._stdin and not waiting:
            poll.register(STDIN, select.POLLIN)
        else:
            try:
                poll.unregister(STDIN)
            except KeyError:
                pass  # was not watched

    def _read_stdin(self) -> None:
        try:
            data = os.read(STDIN, STDIN_SIZE)
        except BlockingIOError:
            return
        except OSError:  # the terminal is gone
            data = b""
        if not data:
            self._stdin = False
            self._closing = True
        elif self._keys is not None:
            data = self._keys.feed(data)
        self._unsent = memoryview(data)
        self._send()

    def _send(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            # The container does not read any more; what it still writes is to be shown.
            self._unsent = memoryview(b"")
            self._stdin = False
            return
        if self._closing:
            self._closing = False
            try:
                self._socket.shutdown(CLOSE_WRITING)
            except OSError:
                pass  # closed by the other side already
            self._socket.setblocking(False)

    def _receive(self) -> bool:
        """Show what has come; False at the end."""
        try:
            data = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._show(data)
        return bool(data)

    def _show(self, data: bytes) -> None:
        if self._frames is None:
            write(STDOUT, data)
            return
        for stream, payload in self._frames.feed(data):
            if stream == SYSTEM:
                self.error += payload.decode("utf-8", "replace")
            else:
                write(STDERR if stream == 2 else STDOUT, payload)
