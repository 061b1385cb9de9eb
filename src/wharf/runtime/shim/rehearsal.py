# No pathlib: the spawner loads this, and its memory is that of all shims.
"""What a shim does in its long life, done by the spawner before the first fork.

The interpreter writes down what it learns in the first runs of a piece of code: which types occur, where attributes
are.
After this it has learned that, in pages that all shims share, and no shim has to write it into a copy of its own.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import os
from typing import Any, Final

from wharf.linux import syscall
from wharf.runtime import wire
from wharf.runtime.shim import handover
from wharf.runtime.shim.execution import Exec
from wharf.runtime.shim.main import Shim, sleep

#: The interpreter adapts code that has run eight times, and gives up some attempts only after as many again.
_ROUNDS: Final = 20


def rehearse() -> None:
    """Lives some lives without a container. Leaves nothing behind but what the interpreter has learned."""
    handler = _signal.getsignal(_signal.SIGCHLD)
    umask = os.umask(0o077)
    try:
        syscall.prctl(syscall.PR_SET_CHILD_SUBREAPER, 0)
        for number in range(_ROUNDS):
            _Life(number).live()
    except OSError:
        pass  # nothing but memory is lost
    finally:
        _signal.set_wakeup_fd(-1)
        _signal.signal(_signal.SIGCHLD, handler)
        os.umask(umask)


class _Life:
    def __init__(self, number: int) -> None:
        self._tty = number % 2 == 1
        self._control, theirs = _socket.socketpair()
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        listener.bind("")  # the kernel finds a name, which is in no directory
        listener.listen(1)
        listener.setblocking(False)
        self._address = listener.getsockname()
        outputs = [os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) for _ in range(2)]
        self._outputs = [end for _, end in outputs]
        own = {
            "log": os.open("/dev/null", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC),
            "listener": listener.fileno(),
            "stdout": outputs[0][0],
            "stderr": outputs[1][0],
            "init": os.pidfd_open(os.getpid()),
            "mounts": os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC),
            "control": theirs.fileno(),
        }
        ours, starter = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        handover.send(starter, _value(list(own)), list(own.values()), {own["log"], own["mounts"]})
        for fd in (own["log"], own["stdout"], own["stderr"], own["init"], own["mounts"]):
            os.close(fd)
        listener.close()
        theirs.close()
        taken = handover.receive(ours)
        assert taken is not None
        os.write(self._outputs[0], b"\n")
        sleep(taken.telling, ours.fileno(), 0)
        ours.close()
        starter.close()
        self._shim = Shim(*taken.open())

    def live(self) -> None:
        shim = self._shim
        shim.begin()
        client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        client.connect(self._address)
        shim.loop.turn(0.0)
        wire.send(client, {"op": "attach", "stdin": True, "stdout": True, "stderr": True})
        shim.loop.turn(0.0)
        for number in range(4):
            os.write(self._outputs[number % 2], b"a line\nand a half")
            wire.send(self._control, {"op": "resize", "height": 24, "width": 80})
            shim.turn(0.0)
        client.close()
        shim.turn(0.0)
        self._execute(shim)
        self._control.close()
        for end in self._outputs:
            os.close(end)
        shim.turn(0.0)
        shim.leave()

    def _execute(self, shim: Shim) -> None:
        """An exec that fails, since there is no runtime, and one that lives, in this very process."""
        own, theirs = _socket.socketpair()
        message = {
            "op": "exec",
            "id": "rehearsal",
            "tty": False,
            "framed": True,
            "attached": True,
            "stdin": self._tty,
            "stdout": True,
            "stderr": True,
            "console_size": [0, 0],
        }
        wire.send(self._control, message, (theirs.fileno(),))
        shim.turn(0.0)
        one = _Exec(shim.loop, _Listener(), message, theirs)
        ends: list[int] = []
        one.make_stdio(ends)
        one.runtime_ended(0, "")
        shim.execs.follow(one)
        own.send(b"input")
        os.write(ends[1], b"output")
        shim.turn(0.0)
        for end in ends:
            os.close(end)
        shim.execs.child_ended(one.pid, 0, True)
        shim.execs.turned()
        own.close()
        shim.turn(0.0)


class _Exec(Exec):
    def find_pid(self) -> int:
        return os.getpid()


class _Listener:
    def tell(self, message: dict[str, Any]) -> None:
        pass


def _value(roles: list[str]) -> dict[str, Any]:
    log = {
        "path": "/dev/null",
        "format": "json",
        "max_size": 1 << 20,
        "max_files": 2,
        "compress": False,
        "attributes": {},
        "buffer": None,
        "remote": None,
    }
    launch = {
        "id": "rehearsal",
        "bundle": "/",
        "runtime": "",
        "log": log,
        "tty": False,
        "stdin_once": False,
        "console_size": [0, 0],
        "cgroups_path": "",
        "cgroup": "",
        "hide_unified": False,
        "owner": None,
        "kills_in_slice": -1,
    }
    state = {"event": "started", "pid": 0, "started": "", "cgroup": "", "hide_unified": False}
    none: list[Any] = []
    return {
        "launch": launch,
        "state": state,
        "roles": roles,
        "listeners": none,
        "attached": none,
        "pending": none,
        "rest": b"",
    }
