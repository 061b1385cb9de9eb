# ruff: noqa: PTH106, PTH108, PTH110, PTH116, PTH118, PTH123
# No pathlib: it would double the shim's memory.
"""The OCI runtime as a program: one call starts a container, and our own hands undo what it left.

All paths are relative to the bundle, the shim's working directory: container ids and data roots may be long, and the
names of sockets may not.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import os
import struct
import time
from collections.abc import Iterable
from typing import Any, Final

from wharf.jsontext import decode_json
from wharf.linux import cgroups, pidfd, syscall
from wharf.runtime import records, wire

_LOG: Final = "runtime.log"
_PID_FILE: Final = "pid"
_CONSOLE: Final = "console.sock"
#: How long a runtime may take from its own end to the execve of the container's program. A runtime that interprets the
#: program itself never gets there, and its containers are none the worse.
EXECVE_LIMIT: Final = 2.0  # seconds
_KIND: Final = 0o170000  # S_IFMT and S_IFIFO, without loading stat
_PIPE: Final = 0o010000
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Signals whose handling the runtime, and so the container, must not inherit from the shim.
_RESET: Final = tuple(
    int(number)
    for number in _signal.valid_signals()
    if number not in (_signal.SIGKILL, _signal.SIGSTOP) and number < 32
)


class Failed(Exception):
    """The runtime's own words."""


def arguments(program: str, *, systemd: bool, log: str = _LOG) -> list[str]:
    own = [program, "--root", records.STATE, "--log", log, "--log-format", "json"]
    return [*own, "--systemd-cgroup"] if systemd else own


def open_null() -> int:
    """A null device for a container's stdio: the one that the spawner was given, never the host's. To be closed."""
    return os.dup(0)


def give(stdio: Iterable[int], owner: list[int] | None) -> None:
    """Lets the container's root, who is `owner` on the host, open its own pipes again and pass them on to others."""
    if owner is not None:
        for fd in stdio:
            if os.fstat(fd).st_mode & _KIND == _PIPE:
                os.fchown(fd, owner[0], owner[1])


def spawn(program: str, command: list[str], stdio: tuple[int, int, int]) -> int:
    """Starts a program; its pid. Raises OSError when it cannot be run."""
    actions: list[Any] = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in enumerate(stdio)]
    # The runtime makes missing mount points, and users other than root must be able to pass through them.
    own = os.umask(0o022)
    try:
        return os.posix_spawn(
            program, command, {"PATH": _PATH}, file_actions=actions, setsigdef=_RESET, setsigmask=(), setsid=False
        )
    finally:
        os.umask(own)


def execute(program: str, command: list[str], stdio: tuple[int, int, int]) -> int:
    """Runs a program to its end; its exit code (128 + n for a signal). Raises OSError when it cannot be run."""
    _, status = os.waitpid(spawn(program, command, stdio), 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def run(launch: dict[str, Any], network: int | None, stdio: tuple[int, int, int]) -> int:
    """Starts the container; the pid of its init. Raises Failed."""
    command = arguments(launch["runtime"], systemd=is_systemd_path(launch["cgroups_path"]))
    command += ["run", "--detach", "--bundle", ".", "--pid-file", _PID_FILE]
    if launch["tty"]:
        command += ["--console-socket", _CONSOLE]
    command += [launch["id"]]
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        # The runtime runs inside the container's network, so that the path in config.json is the same for all.
        if network is not None:
            syscall.setns(network, syscall.CLONE_NEWNET)
        try:
            code = execute(launch.get("program", launch["runtime"]), command, stdio)
        except OSError as error:
            raise Failed(f"{launch['runtime']}: {error.strerror}") from None
        finally:
            if network is not None:
                syscall.setns(home, syscall.CLONE_NEWNET)
    finally:
        os.close(home)
    if code != 0:
        raise Failed(last_error() or f"exit status {code}")
    with open(_PID_FILE) as file:
        return int(file.read())


def has_become_program(init: int) -> bool:
    """Waits until the execve of the container's program has succeeded, or False when the process ended instead.

    Runtimes do not wait for that: they return when nothing else is left to do.
    """
    deadline = time.monotonic() + EXECVE_LIMIT
    pause = 0.00005
    while (known := pidfd.runs_program(init)) is None and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.5, 0.01)
    return known is not False


def last_words(output: str) -> str:
    """The reason in what a runtime's process wrote to the container's stderr at its end, or ""."""
    for line in reversed(output.splitlines()):
        # On a terminal crun adds colours around it.
        if message := _message(line[line.find("{") : line.rfind("}") + 1]) or line.strip():
            return message
    return ""


def last_error(log: str = _LOG) -> str:
    """The last error that the runtime logged, or ""."""
    try:
        if os.stat(log).st_size == 0:
            return ""
        with open(log, errors="replace") as file:
            lines = file.readlines()
    except FileNotFoundError:
        return ""
    for line in reversed(lines):
        if message := _message(line):
            return message
    return ""


def _message(line: str) -> str:
    """The text of an error in the log's format; "" for anything else."""
    try:
        entry = decode_json(line)
    except ValueError:
        return ""
    if isinstance(entry, dict) and entry.get("level") in ("error", "fatal"):
        return str(entry.get("msg", ""))
    return ""


def is_systemd_path(path: str) -> bool:
    """Whether a cgroups path is "slice:prefix:name", for systemd to make."""
    return path.count(":") == 2 and not path.startswith("/")


def end(launch: dict[str, Any]) -> None:
    """Removes the cgroups of an ended container, and kills what is in them: without a pid namespace of its own a
    container's processes outlive its init. What else the runtime keeps is in the bundle, and goes with it.
    """
    path = launch["cgroup"]
    gone = cgroups.end(path)
    # What systemd made, systemd has to forget.
    ours = path and not is_systemd_path(launch["cgroups_path"])
    if not (ours and gone) and os.path.exists(records.STATE):
        _delete_by_runtime(launch)
        cgroups.remove(path)


def delete(launch: dict[str, Any]) -> None:
    """Removes all that the runtime keeps of a container that did not start, so that it may be started again."""
    end(launch)
    for name in (records.STATE, _LOG, _PID_FILE):
        remove_tree(name)


def _delete_by_runtime(launch: dict[str, Any]) -> None:
    null = open_null()
    command = arguments(launch["runtime"], systemd=is_systemd_path(launch["cgroups_path"]))
    try:
        execute(launch["runtime"], [*command, "delete", "--force", launch["id"]], (null, null, null))
    except OSError:
        pass  # the program has gone meanwhile; what can be removed without it follows
    finally:
        os.close(null)


def remove_tree(path: str) -> None:
    """Removes a file or a directory with all in it; harmless when it is not there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        for name in os.listdir(path):  # noqa: PTH208
            remove_tree(os.path.join(path, name))
        os.rmdir(path)


class Console:
    """The socket on which the runtime hands over the terminal's master."""

    def __init__(self, path: str = _CONSOLE) -> None:
        self._path = path
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._socket.bind(path)
        self._socket.listen(1)

    def take(self) -> int:
        """The master's descriptor. The runtime has ended well, so it is there already. Raises Failed if not."""
        self._socket.settimeout(5)
        try:
            while True:
                # A first attempt of the runtime that failed may have connected too, and sent nothing.
                connection = wire.accept(self._socket)
                master = _receive_descriptor(connection)
                connection.close()
                if master is not None:
                    os.set_inheritable(master, False)
                    return master
        except OSError as error:
            raise Failed(f"no terminal from the runtime: {error}") from None

    def close(self) -> None:
        self._socket.close()
        remove_tree(self._path)


def _receive_descriptor(connection: _socket.socket) -> int | None:
    size = struct.calcsize("i")
    _, control, _, _ = connection.recvmsg(4096, _socket.CMSG_SPACE(size))
    for level, kind, data in control:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            return int(struct.unpack("i", data[:size])[0])
    return None
