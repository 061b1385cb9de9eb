"""A container's standard streams and those who are attached to them.

Output goes to the log first and then to every client. A slow client holds back the container, never loses a byte;
a dead one is dropped. Input of several clients is mixed in the order it arrives.
"""

import _socket
import errno
import fcntl
import os
from collections import deque
from collections.abc import Callable
from typing import Final

from wharf.runtime.shim.logs import Output
from wharf.runtime.shim.loop import GONE, READ, WRITE, Loop

#: What may wait for one client, or for the container's stdin, before the other side is not read any more.
MOST_QUEUED: Final = 1 << 20
#: One read. Larger ones are slower where the data is worked on: it stays in the processor's cache, and the buffers in
#: the heap. Where nothing is logged only the number of calls counts.
_LOGGED_READ: Final = 1 << 16
_LARGE_READ: Final = 1 << 18
_PIPE_SIZE: Final = 1 << 20
_F_SETPIPE_SZ: Final = 1031
#: Reads at the end of a container: no pipe holds more, so whoever still fills it is no process of ours.
_MOST_DRAINED: Final = 64


def enlarge_pipe(fd: int) -> None:
    """Room for 1 MiB. Only for busy pipes: what root's pipes take together is limited for all unprivileged ones."""
    try:
        fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE_SIZE)
    except OSError:
        pass  # not a pipe, or over the limit: the small one works too


class Input:
    """The container's stdin. Bytes that it does not read yet are kept; after it closed its end they are dropped."""

    def __init__(self, loop: Loop, fd: int, when_drained: Callable[[], None]) -> None:
        self._loop = loop
        self._fd = fd
        self._queue: deque[memoryview] = deque()
        self._when_drained = when_drained
        self._ending = False
        self.queued = 0

    def put(self, data: bytes) -> None:
        if self._fd < 0 or self._ending:
            return
        self._queue.append(memoryview(data))
        self.queued += len(data)
        self._flush()

    def end(self) -> None:
        """Closes stdin after all that was put. Not for a terminal."""
        self._ending = True
        self._flush()

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.forget(self._fd)
            os.close(self._fd)
        self._fd = -1
        self._queue.clear()
        self.queued = 0
        self._when_drained()

    def _flush(self, events: int = 0) -> None:
        try:
            while self._queue:
                view = self._queue[0]
                written = os.write(self._fd, view)
                self.queued -= written
                if written < len(view):
                    self._queue[0] = view[written:]
                    if len(view) > _LOGGED_READ:
                        enlarge_pipe(self._fd)
                else:
                    self._queue.popleft()
        except BlockingIOError:
            self._loop.watch(self._fd, WRITE, self._flush)
            if events:
                self._when_drained()
            return
        except OSError:  # EPIPE: nobody reads it any more; EIO: the terminal is gone
            self.close()
            return
        self._loop.forget(self._fd)
        if self._ending:
            self.close()
        elif events:
            self._when_drained()


class Client:
    """One attached connection."""

    def __init__(self, streams: "Streams", connection: _socket.socket, wants: frozenset[int]) -> None:
        self._streams = streams
        self._loop = streams.loop
        self._socket = connection
        self._fd = connection.fileno()
        self.wants = wants  # 0, 1, 2
        self._queue: deque[memoryview] = deque()
        self.queued = 0
        self._reads = True
        self._ending = False
        self._gone = False  # closed by the other side, but what it sent before may not be read yet
        connection.setblocking(False)
        self._watch()

    def _watch(self) -> None:
        input = self._streams.input
        full = 0 in self.wants and input is not None and input.queued >= MOST_QUEUED
        if full and self._gone:
            self._loop.forget(self._fd)  # it would be told without end; resume() comes back
            return
        events = (READ if self._reads and not full else 0) | (WRITE if self._queue else 0)
        self._loop.watch(self._fd, events, self._ready)

    def put(self, *parts: bytes) -> None:
        """Sends bytes, now or when the client reads."""
        if self._gone:
            return
        views = [memoryview(part) for part in parts]
        if not self._queue:
            try:
                sent = self._socket.sendmsg(views, (), _socket.MSG_NOSIGNAL)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.drop()
                return
            while views and sent >= len(views[0]):
                sent -= len(views.pop(0))
            if not views:
                return
            views[0] = views[0][sent:]
        self._queue.extend(views)
        self.queued += sum(map(len, views))
        self._watch()

    def resume(self) -> None:
        """The container has read from its stdin."""
        self._watch()

    def _ready(self, events: int) -> None:
        if events & GONE:
            self._gone = True
            self._queue.clear()
            self.queued = 0
        if events & WRITE and not self._gone:
            self._flush()
        if events & READ and self._fd >= 0:
            self._read()
        elif events & GONE and self._fd >= 0:
            self._watch_or_drop()

    def _watch_or_drop(self) -> None:
        if self._reads and 0 in self.wants:
            self._watch()
        else:
            self.drop()

    def _flush(self) -> None:
        try:
            while self._queue:
                view = self._queue[0]
                sent = self._socket.send(view, _socket.MSG_NOSIGNAL)
                self.queued -= sent
                if sent == len(view):
                    self._queue.popleft()
                else:
                    self._queue[0] = view[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self.drop()
            return
        if self._ending and not self._queue:
            self.drop()
            return
        self._watch()
        self._streams.client_took()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_LARGE_READ)
        except BlockingIOError:
            return
        except OSError:
            self.drop()
            return
        if data:
            if 0 in self.wants:
                self._streams.got_input(data)
                self._watch()
            return
        self._reads = False
        if self._gone:
            self.drop()
            return
        self._watch()
        if 0 in self.wants:
            self._streams.input_ended()

    def end(self) -> None:
        """No more output will come: closes once all is sent."""
        self._ending = True
        if not self._queue:
            self.drop()

    def drop(self) -> None:
        if self._fd < 0:
            return
        self._loop.forget(self._fd)
        self._fd = -1
        self._socket.close()
        self._queue.clear()
        self.queued = 0
        self._streams.client_gone(self)


class Streams:
    """All standard streams of one container. Descriptors given to it are non-blocking and closed by it."""

    def __init__(self, loop: Loop, *, tty: bool, stdin_once: bool) -> None:
        self.loop = loop
        self.input: Input | None = None
        self._log: Output | None = None
        self._tty = tty
        self._stdin_once = stdin_once
        self._outputs: dict[int, int] = {}  # descriptor → stream
        self._read_sizes: dict[int, int] = {}
        self._busy: set[int] = set()
        self._paused = False
        self.terminal = -1
        self.clients: list[Client] = []

    @property
    def lost(self) -> int:
        """Bytes of output that could not be logged."""
        return self._log.lost if self._log is not None else 0

    @property
    def logged(self) -> bool:
        """Whether all output has been logged, or sent to where it is logged."""
        return self._log is None or self._log.is_idle

    def clear_log(self) -> None:
        """Removes what was logged until now."""
        if self._log is not None:
            self._log.clear()

    def log_to(self, log: Output | None) -> None:
        """Where the output is logged, from now on and until finish()."""
        self._log = log

    def set_terminal(self, master: int) -> None:
        """Takes the master of the container's terminal for all streams."""
        self.terminal = master
        self.add_output(master, 1)
        # A second descriptor, because reading and writing are watched apart.
        self.set_input(os.dup(master))

    def set_input(self, fd: int) -> None:
        self.input = Input(self.loop, fd, self._input_drained)

    def add_output(self, fd: int, stream: int) -> None:
        self._outputs[fd] = stream
        self._read_sizes[fd] = _LOGGED_READ

    def start(self) -> None:
        """Begins to read the output."""
        for fd in self._outputs:
            self.loop.watch(fd, READ, self._reader(fd))

    def _reader(self, fd: int) -> Callable[[int], None]:
        def ready(_events: int) -> None:
            self._read(fd)

        return ready

    def attach(self, connection: _socket.socket, wants: frozenset[int]) -> None:
        self.clients.append(Client(self, connection, wants))

    @property
    def ended(self) -> bool:
        """Whether all output has been read to its end."""
        return not self._outputs

    def _read(self, fd: int) -> bool:
        """Takes what is there; False when that was nothing."""
        try:
            data = os.read(fd, self._read_sizes[fd])
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # a terminal's end
                raise
            data = b""
        if not data:
            self.loop.forget(fd)
            self.terminal = -1
            del self._outputs[fd]
            os.close(fd)
            return False
        if len(data) == _LOGGED_READ and fd not in self._busy:
            self._busy.add(fd)
            enlarge_pipe(fd)
            if self._log is None:
                self._read_sizes[fd] = _LARGE_READ
        self.output(self._outputs[fd], data)
        return True

    def output(self, stream: int, data: bytes) -> None:
        """Gives output to the log and the clients."""
        log = self._log
        if log is not None:
            log.write(stream, data)
        header = b"" if self._tty else bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big")
        for client in self.clients[:]:
            if stream in client.wants:
                if header:
                    client.put(header, data)
                else:
                    client.put(data)
        if (log is not None and log.is_full) or any(client.queued > MOST_QUEUED for client in self.clients):
            self._pause()

    def _pause(self) -> None:
        self._paused = True
        for fd in self._outputs:
            self.loop.forget(fd)

    def client_took(self) -> None:
        self.resume()

    def resume(self) -> None:
        """Reads on, unless a client or the log is still behind."""
        if not self._paused or (self._log is not None and self._log.is_full):
            return
        if all(client.queued <= MOST_QUEUED // 2 for client in self.clients):
            self._paused = False
            self.start()

    def client_gone(self, client: Client) -> None:
        self.clients.remove(client)
        if 0 in client.wants:
            self.input_ended()
        self.client_took()

    def got_input(self, data: bytes) -> None:
        if self.input is not None:
            self.input.put(data)

    def input_ended(self) -> None:
        """A client sends no more: with stdin_once that is the end of stdin, but a terminal has no such end."""
        if self._stdin_once and not self._tty and self.input is not None:
            self.input.end()

    def _input_drained(self) -> None:
        for client in self.clients[:]:
            client.resume()

    def drain(self) -> None:
        """Reads what is in the pipes now, also past what clients may leave unread."""
        for fd in list(self._outputs):
            for _ in range(_MOST_DRAINED):
                if fd not in self._outputs or not self._read(fd):
                    break

    def take_output(self) -> str:
        """What the pipes hold now, which nobody else gets: the words of a runtime that failed."""
        said = b""
        for fd in self._outputs:
            try:
                while data := os.read(fd, _LOGGED_READ):
                    said += data
            except OSError:
                pass  # empty now
        return said.decode(errors="replace")

    def finish(self) -> None:
        """The container has ended: closes log, stdin and, once they have all, the clients."""
        for fd in list(self._outputs):
            self.loop.forget(fd)
            os.close(fd)
        self.terminal = -1
        self._outputs.clear()
        self._paused = False  # whatever makes room from now on, nothing is left to read
        if self._log is not None:
            self._log.finish()
        if self.input is not None:
            self.input.close()
        for client in self.clients[:]:
            client.end()
