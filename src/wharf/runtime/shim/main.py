# No pathlib: it would double the shim's memory.
"""One shim from its fork to its end.

It forks a child that starts the container (see starter), sleeps until that has been done, and takes over. Little
happens here, and nothing before there is a reason, since each page that is written to is one more for every container.
"""

import _signal  # type: ignore[import-not-found]  # signal makes enumerations of all numbers: memory
import _socket
import os
import select
import time
from collections.abc import Callable
from typing import Any, Final

from wharf.linux import pidfd, syscall, tty
from wharf.runtime import records, wire
from wharf.runtime.shim import bugs, handover, isolation, oci, starter
from wharf.runtime.shim.execution import Execs
from wharf.runtime.shim.forward import Forwarder, forward, redirected
from wharf.runtime.shim.logfile import now
from wharf.runtime.shim.logs import open_output
from wharf.runtime.shim.loop import GONE, READ, Loop
from wharf.runtime.shim.oom import OutOfMemory
from wharf.runtime.shim.stdio import Streams

#: After the end of the container: how long its pipes may stay open in processes that are not ours, and how long an
#: attached client may take nothing before its rest is dropped.
_DRAIN_LIMIT: Final = 2.0
_LINGER_LIMIT: Final = 30.0
#: And how long a log's receiver may take for the rest, as with dockerd; how often to look, where nobody tells.
_SENDING_LIMIT: Final = 10.0
_LOOK: Final = 0.05
#: How long a wharfd may take nothing of what it is told, when some hundred messages wait for it.
_TELLING_LIMIT: Final = 10.0

Receive = Callable[[], tuple[dict[str, Any], int] | None]


def main(receive: Receive, close: Callable[[], None]) -> None:
    """The whole life of a shim, in a fresh child of the spawner.

    `receive` waits for a launch and a connection to wharfd; None is the end of the spawner. `close` closes what belongs
    to the spawner.
    """
    syscall.prctl(syscall.PR_SET_CHILD_SUBREAPER, 1)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    shim = os.getpid()
    child = os.fork()
    if child == 0:
        ours.close()
        # Without its shim a container must not start.
        if syscall.die_with(shim) and (received := receive()) is not None:
            starter.main(*received, theirs)
        return
    close()
    theirs.close()
    taken = handover.receive(ours)
    if taken is None:
        _end_children()
        return
    try:
        os.chdir(taken.bundle)
        sleep(taken.telling, ours.fileno(), child)
        ours.close()
        Shim(*taken.open()).live()
    except BaseException as error:
        bugs.record(error)
        raise


def _end_children() -> None:
    """The starter has ended without a running container; when it was killed, what it had begun must not go on."""
    while True:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
            if ended:
                continue
            with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123
                for pid in file.read().split():
                    os.kill(int(pid), _signal.SIGKILL)
        except OSError:
            return  # none is left
        time.sleep(0.001)


def sleep(telling: list[int], starter: int, child: int) -> None:
    """Waits until there is anything to do. The shim of a container that says nothing has hardly lived.

    `starter` is the connection to our `child`, which ends meanwhile.
    """
    if not telling:
        return
    poll = select.poll()
    poll.register(starter, select.POLLIN)
    for fd in telling:
        poll.register(fd, select.POLLIN)
    if poll.poll()[0][0] == starter:
        os.waitpid(child, 0)
        poll.unregister(starter)
        poll.poll()


class Control:
    """A connection to a wharfd, which may go at any time."""

    def __init__(self, shim: "Shim", connection: _socket.socket) -> None:
        self._shim = shim
        self._connection = connection
        self.reader = wire.Reader(connection)
        connection.setblocking(False)
        shim.loop.watch(connection.fileno(), READ, self._ready)

    def tell(self, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
        try:
            # Who finds its connection closed takes us for dead and ends the container: one that is busy is waited for.
            self._connection.settimeout(_TELLING_LIMIT)
            wire.send(self._connection, message, fds)
            self._connection.setblocking(False)
        except OSError:
            self.close()  # gone, or it does not read: the records on disk say the same

    def _ready(self, events: int) -> None:
        for message in self.reader.receive():
            if self._connection.fileno() >= 0:  # else its wharfd has gone, and what came with the message
                self._shim.obey(self, message, self.reader)
        if self.reader.at_end or (events & GONE and not events & READ):
            self.close()

    def close(self) -> None:
        if self._connection.fileno() >= 0:
            self._shim.loop.forget(self._connection.fileno())
            self._connection.close()
            for fd in self.reader.fds:
                os.close(fd)  # of a message that has not come as a whole
            self._shim.control_closed(self)


class Greeting:
    """A connection that has not said yet what it wants."""

    def __init__(self, shim: "Shim", connection: _socket.socket) -> None:
        self._shim = shim
        self._connection = connection
        self._reader = wire.Reader(connection)
        connection.setblocking(False)
        shim.loop.watch(connection.fileno(), READ, self._ready)

    def _ready(self, _events: int) -> None:
        messages = self._reader.receive()
        if messages or self._reader.at_end:
            self._shim.loop.forget(self._connection.fileno())
        if messages:
            self._shim.welcome(self._connection, messages[0])
        elif self._reader.at_end:
            self._connection.close()


class Shim:
    """A shim from the moment on when its container runs. For its arguments see handover."""

    def __init__(self, value: dict[str, Any], fds: list[int]) -> None:
        fds.reverse()
        own = {role: fds.pop() for role in value["roles"]}
        syscall.setns(own["mounts"], syscall.CLONE_NEWNS)
        os.close(own["mounts"])
        self.launch = value["launch"]
        os.chdir(self.launch["bundle"])
        self.loop = Loop()
        self._state = value["state"]
        self._init: int = self._state["pid"]
        self._init_fd = own["init"]
        self._status: int | None = None
        self._end: dict[str, Any] | None = None
        self.execs = Execs(self.loop, self.launch)
        self._memory = OutOfMemory(self.loop, self.launch["cgroup"], own, self.launch["kills_in_slice"])
        self._catch_signals()
        self._take_streams(own)
        self._listener = _socket.socket(fileno=own["listener"])
        self.loop.watch(own["listener"], READ, self._accept)
        self._forwarders: list[Forwarder] = []
        self._hold(value["listeners"], [fds.pop() for _ in value["listeners"]])
        for wants in value["attached"]:
            self._streams.attach(_socket.socket(fileno=fds.pop()), frozenset(wants))
        while fds:
            Greeting(self, _socket.socket(fileno=fds.pop()))
        first = Control(self, _socket.socket(fileno=own["control"]))
        self._controls = [first]
        first.reader.put_back(value["rest"])
        for message in value["pending"]:
            self.obey(first, message, first.reader)

    def _catch_signals(self) -> None:
        """Being told of children's ends. What is meant for wharfd's process group the spawner ignores for us."""
        self._wakeup, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        _signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, _ignored)
        self.loop.watch(self._wakeup, READ, self._children_ended)

    def _children_ended(self, _events: int) -> None:
        os.read(self._wakeup, 512)
        self._reap()

    def _take_streams(self, own: dict[str, int]) -> None:
        self._streams = Streams(self.loop, tty=self.launch["tty"], stdin_once=self.launch["stdin_once"])
        self._streams.log_to(open_output(self.launch["log"], own, self.loop, self._streams.resume))
        if "stdin" in own:
            self._streams.set_input(own["stdin"])
        if "terminal" in own:
            self._streams.set_terminal(own["terminal"])
        else:
            self._streams.add_output(own["stdout"], 1)
            self._streams.add_output(own["stderr"], 2)

    def live(self) -> None:
        """Until the end of the container, and of all that is told about it."""
        self.begin()
        while self._status is None:
            self.turn(None)
        self._finish()
        self._linger()

    def begin(self) -> None:
        """Begins to read what the container writes, and sees whether it has ended already."""
        self._streams.start()
        self._reap()

    def turn(self, until: float | None) -> None:
        """Does what there is to do, waiting for it until time.monotonic() is `until` at the latest."""
        deadline = self.execs.deadline
        self.loop.turn(until if deadline is None else deadline)
        self.execs.turned()

    def leave(self) -> None:
        """Closes all, and leaves the container alone. For the rehearsal: a shim's own end closes its files."""
        for control in self._controls[:]:
            control.close()
        self._streams.finish()
        self.loop.close()
        self._listener.close()
        os.close(self._init_fd)
        os.close(_signal.set_wakeup_fd(-1))
        os.close(self._wakeup)

    def _accept(self, _events: int) -> None:
        try:
            connection = wire.accept(self._listener)
        except OSError:
            return
        Greeting(self, connection)

    def welcome(self, connection: _socket.socket, message: dict[str, Any]) -> None:
        """Gives a connection what it has asked for."""
        if message["op"] == "attach":
            if handover.welcome(connection):
                self._streams.attach(connection, frozenset(handover.wanted(message)))
            else:
                connection.close()
            return
        control = Control(self, connection)
        self._controls.append(control)
        if self._end is not None:
            control.tell(self._end)
        else:
            control.tell(self._state, (self._init_fd,))

    def control_closed(self, control: Control) -> None:
        if control in self._controls:
            self._controls.remove(control)

    def obey(self, control: Control, message: dict[str, Any], reader: wire.Reader) -> None:
        """Does what wharfd asks."""
        match message["op"]:
            case "resize":
                self._resize(message["height"], message["width"])
            case "exec":
                self.execs.begin(control, message, reader.fds, self._init)
            case "exec_resize":
                self.execs.resize(message["id"], message["height"], message["width"])
            case "exec_signal":
                self.execs.signal(message["id"], message["number"])
            case "clear_log":
                self._clear_log(control)
            case "hold":
                if self._status is None:  # else the ports are free already, or will be in a moment
                    control.tell({"event": "held", "error": self._hold(message["listeners"], reader.fds)})
            case "redirect":
                self._redirect(message["listeners"])
                control.tell({"event": "redirected"})
            case "status":
                control.tell({"event": "status", "lost_log_bytes": self._streams.lost})

    def _clear_log(self, control: Control) -> None:
        if self._status is not None:
            return  # the files are closed, and the end is told
        error = ""
        try:
            self._streams.clear_log()
        except OSError as failure:
            error = str(failure)
        control.tell({"event": "log_cleared", "error": error})

    def _hold(self, listeners: list[dict[str, Any]], fds: list[int]) -> str:
        """Takes these sockets, which are the first of `fds`, and gives up all others. Else returns why not."""
        if len(fds) < len(listeners):
            while fds:
                os.close(fds.pop())
            return "the container's shim has too many open files"
        for forwarder in self._forwarders:
            forwarder.close()
        self._forwarders = [forward(self.loop, _socket.socket(fileno=fds.pop(0)), how) for how in listeners]
        return ""

    def _redirect(self, wanted: list[dict[str, Any]]) -> None:
        ways = {tuple(how["socket"]): how for how in wanted}
        for number, one in enumerate(self._forwarders):
            if (how := ways.get(one.name)) is not None:
                self._forwarders[number] = redirected(self.loop, one, how)

    def _resize(self, height: int, width: int) -> None:
        if self._streams.terminal >= 0:
            tty.set_size(self._streams.terminal, height, width)

    def _reap(self) -> None:
        while True:
            next, ran = -1, True
            try:
                if self.execs.are_starting:
                    # Once waited for, nobody can tell any more.
                    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                    if found is None:
                        return
                    next = found.si_pid
                    ran = pidfd.runs_program(next) is not False
                pid, status = os.waitpid(next, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._init:
                self._status = status
            else:
                self.execs.child_ended(pid, status, ran)

    def _finish(self) -> None:
        """The container's init has ended."""
        assert self._status is not None
        finished = now().decode()
        code = os.waitstatus_to_exitcode(self._status)
        out_of_memory = self._memory.ran_out(killed=code == -_signal.SIGKILL)
        # From a runtime that took longer than we waited to find out that it cannot run the program.
        late = oci.last_error()
        oci.end(self.launch)
        self._reap()
        self.execs.close()
        self._drain()
        self._streams.finish()
        isolation.unmount_root()
        for forwarder in self._forwarders:
            forwarder.close()
        self._end = {
            "code": code if code >= 0 else 128 - code,
            "finished": finished,
            "oom_killed": out_of_memory,
            "error": late,
            "lost_log_bytes": self._streams.lost,
        }
        records.write(".", records.EXIT, self._end)
        self._end = {"event": "exit"} | self._end
        for control in self._controls[:]:
            control.tell(self._end)

    def _drain(self) -> None:
        self._streams.drain()
        deadline = time.monotonic() + _DRAIN_LIMIT
        while not self._streams.ended and time.monotonic() < deadline:
            self.loop.turn(deadline)

    def _linger(self) -> None:
        """Stays until the attached clients have read all, and the log's receiver too."""
        while (self._streams.clients or self.execs.has_clients) and self.loop.turn(time.monotonic() + _LINGER_LIMIT):
            pass
        deadline = time.monotonic() + _SENDING_LIMIT
        while not self._streams.logged and time.monotonic() < deadline:
            self.loop.turn(min(deadline, time.monotonic() + _LOOK))


def _ignored(_number: int, _frame: object) -> None:
    """The wakeup descriptor tells the rest."""
