# No pathlib: it would double the shim's memory.
"""One shim from its fork to its end."""

import _signal  # type: ignore[import-not-found]  # signal makes enumerations of all numbers: memory
import _socket
import os
import time
import traceback
from typing import Any, Final

from wharf.linux import cgroups, pidfd, syscall, tty
from wharf.runtime import records, wire
from wharf.runtime.shim import isolation, oci
from wharf.runtime.shim.execution import Execs
from wharf.runtime.shim.forward import Forwarder, forward
from wharf.runtime.shim.logfile import Log, LogFile, now
from wharf.runtime.shim.loop import GONE, READ, Loop
from wharf.runtime.shim.stdio import Streams

#: After the end of the container: how long its pipes may stay open in processes that are not ours, and how long an
#: attached client may take nothing before its rest is dropped.
_DRAIN_LIMIT: Final = 2.0
_LINGER_LIMIT: Final = 30.0


def main(launch: dict[str, Any], control: int) -> None:
    """The whole life of a shim; `control` is its connection to wharfd. To be called in a fresh child of the spawner."""
    os.chdir(launch["bundle"])
    try:
        connection = _socket.socket(fileno=control)
        Shim(launch).live(connection)
    except BaseException:  # a bug: nobody would see it otherwise
        with open("shim.log", "a") as file:  # noqa: PTH123
            traceback.print_exc(file=file)
        raise


class Control:
    """A connection to a wharfd, which may go at any time."""

    def __init__(self, shim: "Shim", connection: _socket.socket) -> None:
        self._shim = shim
        self._connection = connection
        self._reader = wire.Reader(connection)
        connection.setblocking(False)
        shim.loop.watch(connection.fileno(), READ, self._ready)

    def tell(self, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
        try:
            wire.send(self._connection, message, fds)
        except OSError:
            self.close()  # gone, or it does not read: the records on disk say the same

    def _ready(self, events: int) -> None:
        for message in self._reader.receive():
            self._shim.obey(self, message, self._reader)
        if self._reader.at_end or (events & GONE and not events & READ):
            self.close()

    def close(self) -> None:
        if self._connection.fileno() >= 0:
            self._shim.loop.forget(self._connection.fileno())
            self._connection.close()
            self._shim.control_closed(self)


class Shim:
    def __init__(self, launch: dict[str, Any]) -> None:
        self.launch = launch
        self.loop = Loop()
        self._controls: list[Control] = []
        self._network: int | None = None
        self._stdio: tuple[int, int, int] = (-1, -1, -1)
        self._streams: Streams
        self._init = 0
        self._init_fd = -1
        self._status: int | None = None
        self._started = ""
        self._end: dict[str, Any] | None = None
        self._forwarders: list[Forwarder] = []
        self._execs = Execs(self.loop, launch)
        self._failed = False

    def live(self, connection: _socket.socket) -> None:
        os.umask(0o077)
        self._catch_signals()
        try:
            self._prepare()
        except OSError as error:
            wire.send(connection, {"event": "failed", "error": f"cannot make the container's shim: {error}"})
            return
        ready = {"event": "ready", "pid": os.getpid()}
        own = os.pidfd_open(os.getpid())
        first = Control(self, connection)
        self._controls.append(first)
        first.tell(ready, (own,) if self._network is None else (own, self._network))
        os.close(own)
        self._serve()

    def _catch_signals(self) -> None:
        """Being told of children's ends. What is meant for wharfd's process group the spawner ignores for us."""
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        _signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda _number, _frame: None)

        def children_ended(_events: int) -> None:
            os.read(reader, 512)
            self._reap()

        self.loop.watch(reader, READ, children_ended)

    def _prepare(self) -> None:
        syscall.set_process_name("wharf-shim")
        syscall.prctl(syscall.PR_SET_CHILD_SUBREAPER, 1)
        isolation.protect_from_out_of_memory()
        isolation.enter_mount_namespace()
        if self.launch["hide_unified"]:
            isolation.hide_unified_cgroup()
        if self.launch["new_network"]:
            self._network = isolation.new_network()
        self._streams = Streams(
            self.loop, self._open_log(), tty=self.launch["tty"], stdin_once=self.launch["stdin_once"]
        )
        self._make_stdio()
        self._listen()
        me = os.getpid()
        record = {"pid": me, "start_time": pidfd.start_time(me)}
        kept = ("id", "cgroups_path", "tty", "runtime")
        records.write(".", records.SHIM, record | {name: self.launch[name] for name in kept})

    def _open_log(self) -> Log | None:
        log = self.launch["log"]
        if log["path"] is None:
            return None
        file = LogFile(log["path"], max_size=log["max_size"], max_files=log["max_files"], compress=log["compress"])
        return Log(file, log["attributes"])

    def _make_stdio(self) -> None:
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        if self.launch["tty"]:
            # The runtime's own messages; the terminal comes by its console socket.
            self._stdio = (null, null, null)
            return
        stdin = null
        if self.launch["stdin"]:
            stdin, ours = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(ours, False)
            self._streams.set_input(ours)
        ends = []
        for stream in (1, 2):
            ours, theirs = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(ours, False)
            self._streams.add_output(ours, stream)
            ends.append(theirs)
        self._stdio = (stdin, ends[0], ends[1])

    def _close_stdio(self) -> None:
        for fd in set(self._stdio) - {-1}:
            os.close(fd)
        self._stdio = (-1, -1, -1)

    def _listen(self) -> None:
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        listener.bind(records.SOCKET)
        listener.listen(64)
        listener.setblocking(False)
        self._listener = listener
        self.loop.watch(listener.fileno(), READ, self._accept)

    def _accept(self, _events: int) -> None:
        try:
            connection = wire.accept(self._listener)
        except OSError:
            return
        reader = wire.Reader(connection)
        connection.setblocking(False)

        def greeted(_events: int) -> None:
            messages = reader.receive()
            if messages or reader.at_end:
                self.loop.forget(connection.fileno())
            if messages:
                self._welcome(connection, messages[0])
            elif reader.at_end:
                connection.close()

        self.loop.watch(connection.fileno(), READ, greeted)

    def _welcome(self, connection: _socket.socket, message: dict[str, Any]) -> None:
        if message["op"] == "attach":
            wants = frozenset(number for number, name in enumerate(("stdin", "stdout", "stderr")) if message[name])
            try:
                wire.send(connection, {"event": "attached"})
            except OSError:
                connection.close()
                return
            self._streams.attach(connection, wants)
            return
        control = Control(self, connection)
        self._controls.append(control)
        if self._end is not None:
            control.tell(self._end)
        elif self._init_fd >= 0:
            control.tell(self._state(), (self._init_fd,))
        else:
            control.tell({"event": "waiting"})

    def _state(self) -> dict[str, Any]:
        return {
            "event": "started",
            "pid": self._init,
            "started": self._started,
            "hide_unified": self.launch["hide_unified"],
        }

    def control_closed(self, control: Control) -> None:
        if control in self._controls:
            self._controls.remove(control)
        if not self._controls and not self._init:
            self._abandon()

    def _abandon(self) -> None:
        """wharfd went before it asked for a start: nobody would ever ask again."""
        self._failed = True

    def obey(self, control: Control, message: dict[str, Any], reader: wire.Reader) -> None:
        """Does what wharfd asks."""
        match message["op"]:
            case "run":
                fds, reader.fds = reader.fds, []
                self._forwarders = [
                    forward(self.loop, _socket.socket(fileno=fd), listener)
                    for fd, listener in zip(fds, message["listeners"], strict=True)
                ]
                self._run(control)
            case "resize":
                self._resize(message["height"], message["width"])
            case "exec":
                self._execs.begin(control, message, reader.fds, self._init)
            case "exec_resize":
                self._execs.resize(message["id"], message["height"], message["width"])
            case "exec_signal":
                self._execs.signal(message["id"], message["number"])
            case "status":
                control.tell({"event": "status", "lost_log_bytes": self._streams.lost})

    def _resize(self, height: int, width: int) -> None:
        self.launch["console_size"] = [height, width]
        if self._streams.terminal >= 0:
            tty.set_size(self._streams.terminal, height, width)

    def _run(self, control: Control) -> None:
        console = oci.Console() if self.launch["tty"] else None
        try:
            isolation.mount_root(self.launch["root"])
            pid = self._start_runtime()
            if console is not None:
                self._take_terminal(console)
        except (oci.Failed, OSError) as error:
            self._undo()
            control.tell({"event": "failed", "error": str(error), "runtime": self.launch["runtime"]})
            self._failed = True
            return
        finally:
            if console is not None:
                console.close()
        self._is_started(pid)
        for one in self._controls[:]:
            one.tell(self._state(), (self._init_fd,))
        self._streams.start()

    def _start_runtime(self) -> int:
        try:
            return oci.run(self.launch, self._network, self._stdio)
        except oci.Failed as error:
            if "hybrid" not in str(error) or self.launch["hide_unified"] or not isolation.hide_unified_cgroup():
                raise
        # Told to wharfd, which asks for it from the beginning next time.
        self.launch["hide_unified"] = True
        oci.delete(self.launch)
        self._streams.discard_output()
        return oci.run(self.launch, self._network, self._stdio)

    def _take_terminal(self, console: oci.Console) -> None:
        master = console.take()
        os.set_blocking(master, False)
        height, width = self.launch["console_size"]
        if height and width:
            tty.set_size(master, height, width)
        self._streams.set_terminal(master)

    def _is_started(self, pid: int) -> None:
        self._init = pid
        self._init_fd = os.pidfd_open(pid)
        self._started = now().decode()
        self._close_stdio()
        if self._network is not None:
            os.close(self._network)  # from now on the container's processes keep it
            self._network = None
        record = {"pid": pid, "start_time": pidfd.start_time(pid), "started": self._started}
        records.write(".", records.STARTED, record)
        self._reap()

    def _undo(self) -> None:
        oci.delete(self.launch)
        isolation.unmount_root()
        self._close_stdio()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._init:
                self._status = status
            else:
                self._execs.child_ended(pid, status)

    def _serve(self) -> None:
        while self._status is None:
            if self._failed:
                self._leave_unstarted()
                return
            self.loop.turn(self._execs.deadline)
            self._execs.turned()
        self._finish()
        self._linger()

    def _leave_unstarted(self) -> None:
        self._streams.discard_output()
        self._streams.finish()
        if not self._init:
            self._undo()
        for name in (records.SOCKET, records.SHIM):
            oci.remove_tree(name)

    def _finish(self) -> None:
        """The container's init has ended."""
        assert self._status is not None
        finished = now().decode()
        path = self.launch["cgroups_path"]
        out_of_memory = path.startswith("/") and cgroups.was_out_of_memory(path)
        late = oci.last_error()
        oci.delete(self.launch)
        self._reap()
        self._execs.close()
        self._drain()
        if late:
            # What the runtime could not do after it had reported success, such as an exec of a broken program.
            self._streams.output(2, f"{late}\n".encode())
        self._streams.finish()
        isolation.unmount_root()
        for forwarder in self._forwarders:
            forwarder.close()
        code = os.waitstatus_to_exitcode(self._status)
        self._end = {
            "code": code if code >= 0 else 128 - code,
            "finished": finished,
            "oom_killed": out_of_memory,
            "error": "",
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
        """Stays until the attached clients have read all."""
        while (self._streams.clients or self._execs.has_clients) and self.loop.turn(time.monotonic() + _LINGER_LIMIT):
            pass
