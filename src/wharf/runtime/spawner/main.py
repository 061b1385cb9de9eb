"""The spawner's whole life: each packet from wharfd is a launch and a connection, and becomes a shim.

Started as `python -I -S -c "..." <descriptor>`; standard library only. Ends when wharfd closes its side.
"""

import _signal  # type: ignore[import-not-found]  # signal and socket make enumerations: memory
import _socket
import array
import gc
import os
import select
import sys
import time
from typing import Any, Final

from wharf.jsontext import decode_json
from wharf.linux import syscall
from wharf.runtime import wire
from wharf.runtime.shim import main as shim
from wharf.runtime.shim.rehearsal import rehearse
from wharf.runtime.spawner.memory import fill_holes

_TAKEN: Final = b"+"
_NO_MORE: Final = b"-"
#: How long after a launch the next shim is made, unless it is asked for before: a start needs the processor meanwhile.
_PAUSE: Final = 30  # milliseconds
#: The least time between two shims that end before they are of use.
_BREATH: Final = 0.1  # seconds


def main() -> None:
    syscall.set_process_name("wharf-spawner")
    # Children are reaped by the kernel: the shims' ends are told by their connections.
    _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
    # They are meant for wharfd's whole process group; it is wharfd that says when this ends. Shims inherit it.
    meant = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGUSR1, _signal.SIGUSR2)
    for number in meant:
        _signal.signal(number, _signal.SIG_IGN)
    requests = _socket.socket(fileno=int(sys.argv[1]))
    poll = select.poll()
    poll.register(requests.fileno(), select.POLLIN)
    rehearse()
    syscall.set_process_name("wharf-shim")  # for all that follow
    gc.collect()
    gc.disable()
    fill_holes()
    gc.freeze()  # shims share these pages as long as nobody counts in them
    while True:
        # One shim always waits for the next request, and takes it itself: whatever this process touches between two
        # forks is a private copy in every shim before, so it only looks and forks.
        reader, writer = os.pipe2(os.O_CLOEXEC)
        if os.fork() == 0:
            os.close(reader)
            _become_shim(requests, writer)
        os.close(writer)
        answer = os.read(reader, 1)
        os.close(reader)
        if answer == _NO_MORE:
            return
        if answer == _TAKEN:
            poll.poll(_PAUSE)
        else:
            time.sleep(_BREATH)  # it was killed


class _Requests:
    """What a waiting shim has of the spawner's."""

    def __init__(self, requests: _socket.socket, taken: int) -> None:
        self._requests = requests
        self._taken = taken

    def receive(self) -> tuple[dict[str, Any], int] | None:
        received = _receive(self._requests)
        try:
            os.write(self._taken, _TAKEN if received else _NO_MORE)
        except BrokenPipeError:
            pass  # the spawner died: this one is its last
        self.close()
        return received

    def close(self) -> None:
        os.close(self._taken)
        self._requests.close()


def _receive(requests: _socket.socket) -> tuple[dict[str, Any], int] | None:
    data, control, _, _ = requests.recvmsg(wire.LONGEST_LAUNCH, _socket.CMSG_SPACE(8), _socket.MSG_CMSG_CLOEXEC)
    if not data:
        return None
    numbers = array.array("i")
    for _, _, payload in control:
        numbers.frombytes(payload)
    launch = decode_json(data)
    if len(numbers) > 1:
        launch["program"] = f"/proc/self/fd/{numbers[1]}"  # a sealed copy of the runtime
    return launch, numbers[0]


def _become_shim(requests: _socket.socket, taken: int) -> None:
    code = 1
    try:
        os.setsid()
        os.dup2(0, 2)  # 0 and 1 are /dev/null already
        own = _Requests(requests, taken)
        shim.main(own.receive, own.close)
        code = 0
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)  # the module traceback is memory for all shims
    finally:
        os._exit(code)
