# ruff: noqa: PTH123
# No pathlib: it would double the shim's memory.
"""Further processes in a running container: each with streams of its own, all held by the container's shim.

The runtime is not waited for while it starts one: that may take long (in a paused container), and the container's own
streams have to go on.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import errno
import os
import time
from typing import Any, Final, Protocol

from wharf.linux import pidfd, tty
from wharf.runtime.shim import bugs, oci
from wharf.runtime.shim.loop import Loop
from wharf.runtime.shim.stdio import Streams

#: How long the streams of an ended process may stay open in others that it left behind.
_DRAIN_LIMIT: Final = 2.0
#: Ends of unknown children that are remembered for execs that are just starting.
_MOST_UNCLAIMED: Final = 4096
#: How long to wait before looking again whether a process has become its program, which takes microseconds.
_LOOK_AGAIN: Final = 0.0005


class Listener(Protocol):
    """Who asked for an exec."""

    def tell(self, message: dict[str, Any]) -> None: ...


class ExecStreams(Streams):
    """The streams of an exec: nothing is logged. Frames are asked for, whether it has a terminal or not."""

    def input_ended(self) -> None:
        if self.terminal < 0 and self.input is not None:
            self.input.end()


class Exec:
    """One process, from the request to its end. `files` in the bundle are its own: exec-<id>.*"""

    def __init__(self, loop: Loop, listener: Listener, message: dict[str, Any], client: _socket.socket | None) -> None:
        self.id: str = message["id"]
        self.pid = 0
        self.ended_by = 0.0  # when its streams are closed at the latest; 0 while it runs
        self.trusted_by = 0.0  # when it is taken for started at the latest; 0 once it is
        self._status = 0
        self._listener = listener
        self._message = message
        self._client = client
        self.streams = ExecStreams(loop, tty=not message["framed"], stdin_once=True)
        self._console = oci.Console(self._file("sock")) if message["tty"] else None

    def _file(self, kind: str) -> str:
        return f"exec-{self.id}.{kind}"

    def start(self, launch: dict[str, Any], score: str) -> int:
        """Starts the runtime, which starts the process; the runtime's pid. Raises OSError."""
        command = oci.arguments(
            launch["runtime"], systemd=oci.is_systemd_path(launch["cgroups_path"]), log=self._file("log")
        )
        command += ["exec", "--detach", "--process", self._file("json"), "--pid-file", self._file("pid")]
        if self._console is not None:
            command += ["--console-socket", self._file("sock")]
        theirs: list[int] = []
        try:
            self.make_stdio(theirs)
            oci.give(theirs, launch["owner"])
            pid = oci.spawn(launch["runtime"], [*command, launch["id"]], (theirs[0], theirs[1], theirs[2]))
        finally:
            for fd in theirs:
                os.close(fd)
        _set_oom_score(pid, score)
        return pid

    def make_stdio(self, theirs: list[int]) -> None:
        """Appends the three descriptors of the process, which the caller closes."""
        for stream, name in enumerate(("stdin", "stdout", "stderr")):
            if self._message["tty"] or not self._message[name]:
                theirs.append(oci.open_null())
                continue
            reader, writer = os.pipe2(os.O_CLOEXEC)
            if stream == 0:
                theirs.append(reader)
                self.streams.set_input(writer)
                os.set_blocking(writer, False)
            else:
                theirs.append(writer)
                self.streams.add_output(reader, stream)
                os.set_blocking(reader, False)

    def runtime_ended(self, status: int, score: str) -> bool:
        """Whether there is a process now, which has to become the program yet."""
        code = os.waitstatus_to_exitcode(status)
        try:
            if code != 0:
                raise oci.Failed(oci.last_error(self._file("log")) or f"exit status {code}")
            self.pid = self.find_pid()
            if self._console is not None:
                self._take_terminal(self._console)
        except (oci.Failed, OSError, ValueError) as error:
            self.fail(str(error))
            return False
        _set_oom_score(self.pid, score)
        self.trusted_by = time.monotonic() + oci.EXECVE_LIMIT
        return True

    def find_pid(self) -> int:
        """The process that the runtime has made. Raises OSError or ValueError."""
        with open(self._file("pid")) as file:
            return int(file.read())

    def runs(self) -> None:
        """It has become the program that was asked for."""
        self.trusted_by = 0.0
        self._remove("json", "pid", "sock")
        self._listener.tell({"event": "exec_started", "id": self.id, "pid": self.pid})
        if self._client is not None:
            wants = frozenset(n for n, name in enumerate(("stdin", "stdout", "stderr")) if self._message[name])
            client, self._client = self._client, None
            self.streams.attach(client, wants | {1} if self._message["tty"] else wants)
        self.streams.start()

    def never_ran(self) -> None:
        """It ended without."""
        self.fail(
            oci.last_error(self._file("log")) or oci.last_words(self.streams.take_output()) or "exec: cannot be run"
        )

    def _take_terminal(self, console: oci.Console) -> None:
        master = console.take()
        os.set_blocking(master, False)
        height, width = self._message["console_size"]
        if height and width:
            tty.set_size(master, height, width)
        self.streams.set_terminal(master)
        console.close()
        self._console = None

    def resize(self, height: int, width: int) -> None:
        self._message["console_size"] = [height, width]
        if self.streams.terminal >= 0:
            tty.set_size(self.streams.terminal, height, width)

    def process_ended(self, status: int) -> None:
        """Its end is told when all it wrote has been read; see finish()."""
        self._status = status
        self.ended_by = time.monotonic() + _DRAIN_LIMIT
        self.streams.drain()

    def finish(self) -> None:
        """Tells the end, and closes the streams once the client has all."""
        code = os.waitstatus_to_exitcode(self._status)
        self._clear_away()
        self._listener.tell({"event": "exec_exit", "id": self.id, "code": code if code >= 0 else 128 - code})
        self._close_streams()

    def fail(self, reason: str) -> None:
        """It never ran."""
        self._clear_away()
        if self._client is not None:
            self._client.close()
        self._listener.tell({"event": "exec_failed", "id": self.id, "error": reason})
        self._close_streams()

    def _close_streams(self) -> None:
        self.streams.finish()
        # Both hold each other, and a shim does not look for garbage.
        self.streams.input = None

    def _clear_away(self) -> None:
        if self._console is not None:
            self._console.close()
        self._remove("json", "pid", "sock", "log")

    def _remove(self, *kinds: str) -> None:
        for kind in kinds:
            oci.remove_tree(self._file(kind))


class Execs:
    """All execs of one container."""

    def __init__(self, loop: Loop, launch: dict[str, Any]) -> None:
        self._loop = loop
        self._launch = launch
        self._starting: dict[int, Exec] = {}  # by the runtime's pid
        self._running: dict[int, Exec] = {}
        self._ended: list[Exec] = []
        self._draining: list[ExecStreams] = []  # of clients that have not taken all yet
        self._becoming: list[Exec] = []  # those of the running that are not their programs yet
        self._unclaimed: dict[int, tuple[int, bool]] = {}
        self._score = ""

    def begin(self, listener: Listener, message: dict[str, Any], fds: list[int], init: int) -> None:
        """Starts an exec. Its client's connection, if it has one, is the first of `fds`."""
        client = None
        if message["attached"] and fds:
            os.set_inheritable(fds[0], False)
            client = _socket.socket(fileno=fds.pop(0))
        one = None
        try:
            one = Exec(self._loop, listener, message, client)
            if message["attached"] and client is None:
                raise OSError(errno.EMFILE, "too many open files")  # so its connection did not arrive
            self._score = self._score or _oom_score(init)
            self._starting[one.start(self._launch, self._score)] = one
        except Exception as error:  # whatever it is: an exec must not end the container
            _record_bug(error)
            reason = f"cannot start the process: {error.strerror if isinstance(error, OSError) else error}"
            if one is not None:
                one.fail(reason)
                return
            if client is not None:
                client.close()
            listener.tell({"event": "exec_failed", "id": message["id"], "error": reason})

    @property
    def are_starting(self) -> bool:
        """Whether it matters of a child that ends what it ran."""
        return bool(self._starting or self._becoming)

    def child_ended(self, pid: int, status: int, ran: bool) -> None:
        """A child that is not the container's init has ended; `ran` says whether it was more than a runtime's fork."""
        if pid in self._starting:
            self._started(self._starting.pop(pid), status)
        elif pid in self._running:
            self._process_ended(self._running.pop(pid), status, ran)
        elif self._starting and len(self._unclaimed) < _MOST_UNCLAIMED:
            self._unclaimed[pid] = (status, ran)  # its runtime's end is not seen yet
        if not self._starting:
            self._unclaimed.clear()

    def _started(self, one: Exec, status: int) -> None:
        try:
            if not one.runtime_ended(status, self._score):
                return
        except Exception as error:
            _record_bug(error)
            one.fail(f"cannot start the process: {error}")
            return
        if _is_child(one.pid):
            self.follow(one)
            return
        self._becoming.append(one)
        self._process_ended(one, *self._unclaimed.pop(one.pid, (0, True)))

    def follow(self, one: Exec) -> None:
        """Looks after an exec whose runtime has ended well."""
        self._running[one.pid] = one
        self._becoming.append(one)
        self._look(one)

    def _look(self, one: Exec) -> None:
        """Tells the start of an exec that has become its program; the end tells of one that has not."""
        known = pidfd.runs_program(one.pid)
        if known or (known is None and time.monotonic() >= one.trusted_by):
            self._becoming.remove(one)
            one.runs()

    def _process_ended(self, one: Exec, status: int, ran: bool) -> None:
        if one in self._becoming:
            self._becoming.remove(one)
            if not ran:
                one.never_ran()
                return
            one.runs()
        one.process_ended(status)
        self._ended.append(one)

    def find(self, id: str) -> Exec | None:
        return next((one for one in (*self._starting.values(), *self._running.values()) if one.id == id), None)

    def resize(self, id: str, height: int, width: int) -> None:
        if (one := self.find(id)) is not None:
            one.resize(height, width)

    def signal(self, id: str, number: int) -> None:
        one = self.find(id)
        # A pid in our list is not reaped yet, so it is still this process.
        if one is not None and one.pid:
            os.kill(one.pid, number)

    @property
    def deadline(self) -> float | None:
        """When turned() has to be called at the latest."""
        if self._becoming:
            return time.monotonic() + _LOOK_AGAIN
        return min([one.ended_by for one in self._ended]) if self._ended else None

    def turned(self) -> None:
        """After each turn of the loop: finishes those that have ended and whose streams have too."""
        for one in self._becoming[:]:
            self._look(one)
        if not self._ended:
            return
        now = time.monotonic()
        for one in self._ended[:]:
            if one.streams.ended or now >= one.ended_by:
                self._ended.remove(one)
                self._finish(one)

    def _finish(self, one: Exec) -> None:
        one.finish()
        self._draining = [streams for streams in self._draining if streams.clients]
        if one.streams.clients:
            self._draining.append(one.streams)

    def close(self) -> None:
        """The container has ended, and so has every process in it."""
        for pid, one in list(self._starting.items()):
            try:
                os.kill(pid, _signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass  # it was quicker
            one.fail("the container has ended")
        for one in list(self._running.values()):
            self._process_ended(one, _signal.SIGKILL, True)
        self._starting.clear()
        self._running.clear()
        for one in self._ended:
            self._finish(one)
        self._ended.clear()

    @property
    def has_clients(self) -> bool:
        """Whether a client has not taken all of an ended exec's output yet."""
        return any(streams.clients for streams in self._draining)


def _is_child(pid: int) -> bool:
    """Whether `pid` is a child of ours, running or not looked at yet."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _oom_score(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/oom_score_adj") as file:
            return file.read()
    except OSError:
        return ""


def _set_oom_score(pid: int, score: str) -> None:
    """What the container's init has: a shim protects itself, and crun lets an exec inherit that."""
    if not score:
        return
    try:
        with open(f"/proc/{pid}/oom_score_adj", "w") as file:
            file.write(score)
    except OSError:
        pass  # it has ended, or the host does not allow it


def _record_bug(error: Exception) -> None:
    if not isinstance(error, OSError):
        bugs.record(error)
