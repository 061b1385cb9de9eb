# No pathlib: the spawner loads this, and its memory is that of all shims.
"""The first life of a shim, in a child of its own: all that is done once, up to the container's running process.

The child makes namespaces and mounts, calls the runtime, records and tells the start. Then it hands what it holds to
the shim, which has slept until then, and ends: the memory that this work takes goes with it, and does not stay for as
long as the container runs.
"""

import _socket
import os
from collections.abc import Callable
from typing import Any, Final

from wharf.linux import cgroups, pidfd, tty
from wharf.runtime import records, wire
from wharf.runtime.shim import bugs, handover, isolation, oci, oom
from wharf.runtime.shim.logfile import NoLog, now, open_log
from wharf.runtime.shim.loop import GONE, READ, Loop

#: What of a launch is of use after the start.
_KEPT: Final = (
    "id",
    "bundle",
    "runtime",
    "log",
    "tty",
    "stdin_once",
    "console_size",
    "cgroups_path",
    "cgroup",
    "hide_unified",
    "owner",
    "kills_in_slice",
)


def main(launch: dict[str, Any], control: int, shim: _socket.socket) -> None:
    """Starts one container for the shim at the other end of `shim`, our parent. `control` is a connection to wharfd."""
    os.chdir(launch["bundle"])
    try:
        Starter(launch, _socket.socket(fileno=control), shim).live()
    except BaseException as error:
        bugs.record(error)
        raise


class Starter:
    def __init__(self, launch: dict[str, Any], control: _socket.socket, shim: _socket.socket) -> None:
        self.launch = launch
        self._control = control
        self._reader = wire.Reader(control)
        self._shim = shim
        self._shim_pid = os.getppid()
        self._loop = Loop()
        self._network: int | None = None
        self._user = -1  # its user namespace, if it has one
        self._own: dict[str, int] = {}  # our ends and files, by what they are for the shim
        self._stdio: tuple[int, int, int] = (-1, -1, -1)  # the container's ends
        self._unprepared: OSError | None = None
        self._greeting: dict[int, _socket.socket] = {}
        self._attached: list[tuple[_socket.socket, list[int]]] = []
        self._over = False

    def live(self) -> None:
        os.umask(0o077)
        try:
            self._prepare()
        except OSError as error:
            _tell(self._control, {"event": "failed", "error": f"cannot make the container's shim: {error}"})
            return
        self._control.setblocking(False)
        self._loop.watch(self._control.fileno(), READ, self._asked)
        while not self._over:
            self._loop.turn()

    def _prepare(self) -> None:
        """First what wharfd waits for: while it sets up the network and connects clients, there is time for the rest.

        What fails there is told as the failure of the start.
        """
        if self.launch["user"]:
            self._enter_user_namespace()
        elif self.launch["new_network"]:
            self._network = isolation.new_network(self.launch["network_sysctls"])
        self._listen()
        self._tell_ready()
        try:
            self._prepare_more()
        except OSError as error:
            self._unprepared = error

    def _prepare_more(self) -> None:
        isolation.protect_from_out_of_memory(self._shim_pid)
        isolation.enter_mount_namespace()
        if self.launch["hide_unified"]:
            isolation.hide_unified_cgroup()
        self._open_log()
        self._record()
        self._make_stdio()
        if self.launch["user"]:
            self._prepare_for_user_namespace()
        else:
            isolation.mount_root(self.launch["root"])
        if self.launch["joined_shm"]:
            isolation.mount_shm_of(self.launch["joined_shm"])

    def _enter_user_namespace(self) -> None:
        from wharf.runtime.shim import user_namespace

        namespace = user_namespace.enter(self.launch)
        self._user, self._network = namespace.user, namespace.network

    def _prepare_for_user_namespace(self) -> None:
        from wharf.runtime.shim import user_namespace

        user_namespace.prepare(self.launch, self._user)

    def _record(self) -> None:
        record = {"pid": self._shim_pid, "start_time": pidfd.start_time(self._shim_pid)}
        kept = ("id", "cgroup", "tty", "runtime")
        records.write(".", records.SHIM, record | {name: self.launch[name] for name in kept})

    def _tell_ready(self) -> None:
        shim = os.pidfd_open(self._shim_pid)
        fds = (shim,) if self._network is None else (shim, self._network)
        _tell(self._control, {"event": "ready", "pid": self._shim_pid}, fds)
        os.close(shim)

    def _open_log(self) -> None:
        log = self.launch["log"]
        if log["path"] is not None:
            self._own["log"] = open_log(log["path"])
            if log["format"] != "json":
                from wharf.runtime.shim import chunks

                chunks.repair(log["path"])
        if log["remote"] is not None:
            from wharf.runtime.shim.remote.connecting import first_connection

            if (receiver := first_connection(log["remote"])) is not None:
                self._own["remote"] = receiver.detach()

    def _make_stdio(self) -> None:
        null = oci.open_null()
        if self.launch["tty"]:
            # The runtime's own messages; the terminal comes by its console socket.
            self._stdio = (null, null, null)
            return
        stdin = null
        if self.launch["stdin"]:
            stdin, self._own["stdin"] = _pipe()
            os.set_blocking(self._own["stdin"], False)
        ends = []
        for name in ("stdout", "stderr"):
            self._own[name], theirs = _pipe()
            os.set_blocking(self._own[name], False)
            ends.append(theirs)
        self._stdio = (stdin, ends[0], ends[1])
        oci.give(self._stdio, self.launch["owner"])

    # ── those who come before the start ──

    def _listen(self) -> None:
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        listener.bind(records.SOCKET)
        listener.listen(64)
        listener.setblocking(False)
        self._listener = listener
        self._own["listener"] = listener.fileno()
        self._loop.watch(listener.fileno(), READ, self._accept)

    def _accept(self, _events: int) -> None:
        try:
            connection = wire.accept(self._listener)
        except OSError:
            return
        connection.setblocking(False)
        self._greeting[connection.fileno()] = connection
        self._loop.watch(connection.fileno(), READ, self._greeted(connection))

    def _greeted(self, connection: _socket.socket) -> Callable[[int], None]:
        reader = wire.Reader(connection)

        def greeted(_events: int) -> None:
            messages = reader.receive()
            if not messages and not reader.at_end:
                return
            self._loop.forget(connection.fileno())
            del self._greeting[connection.fileno()]
            if messages and messages[0]["op"] == "attach" and handover.welcome(connection):
                self._attached.append((connection, handover.wanted(messages[0])))
                return
            if messages and messages[0]["op"] == "monitor":
                _tell(connection, {"event": "waiting"})
            connection.close()

        return greeted

    # ── the start ──

    def _asked(self, events: int) -> None:
        messages = self._reader.receive()
        for number, message in enumerate(messages):
            if message["op"] == "run":
                self._over = True
                self._run(message, messages[number + 1 :])
                return
            if message["op"] == "resize":
                self.launch["console_size"] = [message["height"], message["width"]]
        if self._reader.at_end or (events & GONE and not events & READ):
            # wharfd went before it asked for a start: nobody would ever ask again.
            self._over = True
            self._undo()

    def _run(self, asked: dict[str, Any], pending: list[dict[str, Any]]) -> None:
        console = oci.Console() if self.launch["tty"] else None
        try:
            if self._unprepared is not None:
                raise self._unprepared
            self._place_mounts(asked["mounts"])
            init = self._start_runtime()
            if console is not None:
                self._take_terminal(console)
            if not oci.has_become_program(init):
                raise oci.Failed(oci.last_error() or oci.last_words(self._output()) or "exec: cannot be run")
        except (oci.Failed, OSError) as error:
            self._undo()
            what = "log" if isinstance(error, NoLog) else "runtime"
            _tell(self._control, {"event": "failed", "error": str(error), "what": what})
            return
        finally:
            if console is not None:
                console.close()
        isolation.forget_mounts(asked["mounts"], self.launch["forget"])
        self._started(init, asked["listeners"], pending)

    def _place_mounts(self, count: int) -> None:
        """The first descriptors of a run are its mounts."""
        mounts = self._reader.fds[:count]
        del self._reader.fds[:count]
        if mounts:
            isolation.place_mounts(mounts)

    def _start_runtime(self) -> int:
        try:
            return oci.run(self.launch, self._network, self._stdio)
        except oci.Failed as error:
            if "hybrid" not in str(error) or self.launch["hide_unified"] or not isolation.hide_unified_cgroup():
                raise
        # Told to wharfd, which asks for it from the beginning next time.
        self.launch["hide_unified"] = True
        oci.delete(self.launch)
        self._output()
        return oci.run(self.launch, self._network, self._stdio)

    def _output(self) -> str:
        """Takes what the runtime that failed has said out of the container's streams."""
        said = b""
        for name in ("stdout", "stderr", "terminal"):
            try:
                while name in self._own and (data := os.read(self._own[name], 1 << 16)):
                    said += data
            except OSError:
                pass  # empty now, or the terminal's other end has gone
        return said.decode(errors="replace")

    def _take_terminal(self, console: oci.Console) -> None:
        master = console.take()
        os.set_blocking(master, False)
        height, width = self.launch["console_size"]
        if height and width:
            tty.set_size(master, height, width)
        self._own["terminal"] = master

    def _started(self, init: int, listeners: list[dict[str, Any]], pending: list[dict[str, Any]]) -> None:
        self._own["init"] = os.pidfd_open(init)
        started = now().decode()
        if oci.is_systemd_path(self.launch["cgroups_path"]):
            # Where it really is: systemd may have been told to put it elsewhere.
            self.launch["cgroup"] = cgroups.path_of_process(init) or self.launch["cgroup"]
            self._own |= oom.watch(self.launch["cgroup"])
        self.launch["kills_in_slice"] = oom.kills_in_slice(self._own)
        state = {"pid": init, "started": started, "cgroup": self.launch["cgroup"]}
        records.write(".", records.STARTED, state | {"start_time": pidfd.start_time(init)})
        state |= {"event": "started", "hide_unified": self.launch["hide_unified"]}
        _tell(self._control, state, (self._own["init"],))
        try:
            self._hand_over(state, listeners, pending)
        except OSError:
            oci.delete(self.launch)  # no container runs unwatched
            raise

    def _hand_over(self, state: dict[str, Any], listeners: list[dict[str, Any]], pending: list[dict[str, Any]]) -> None:
        self._own["mounts"] = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        self._own["control"] = self._control.fileno()
        roles = list(self._own)
        fds = list(self._own.values()) + self._reader.fds
        fds += [client.fileno() for client, _ in self._attached] + list(self._greeting)
        value = {
            "launch": {name: self.launch[name] for name in _KEPT},
            "state": state,
            "roles": roles,
            "listeners": listeners,
            "attached": [wants for _, wants in self._attached],
            "pending": pending,
            "rest": self._reader.rest(),
        }
        silent = {self._own[role] for role in ("log", "mounts", "stdin", oom.EVENTS, oom.ABOVE) if role in self._own}
        if "remote" in self._own and self.launch["log"]["remote"]["network"] not in ("tcp", "unix"):
            silent.add(self._own["remote"])
        # A socket that only holds its port would tell its end without end.
        silent |= {fd for fd, how in zip(self._reader.fds, listeners, strict=True) if how["target"] is None}
        handover.send(self._shim, value, fds, silent)

    def _undo(self) -> None:
        oci.delete(self.launch)
        isolation.unmount_root()
        for name in (records.SOCKET, records.SHIM):
            oci.remove_tree(name)


def _tell(to: _socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    try:
        wire.send(to, message, fds)
    except OSError:
        pass  # it has gone, or does not read: the records on disk say the same


def _pipe() -> tuple[int, int]:
    return os.pipe2(os.O_CLOEXEC)
