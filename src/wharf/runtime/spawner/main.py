"""The spawner's whole life: each packet from wharfd is a launch and a connection, and becomes a shim.

Started as `python -I -S -c "..." <descriptor>`; standard library only. Ends when wharfd closes its side.
"""

import array
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any, Final

from wharf.linux import syscall
from wharf.runtime.shim import main as shim

#: A launch is a few kilobytes: config.json does not come this way.
LONGEST_LAUNCH: Final = 1 << 17
_TAKEN: Final = b"+"
_NO_MORE: Final = b"-"


def main() -> None:
    syscall.set_process_name("wharf-spawner")
    # Children are reaped by the kernel: the shims' ends are told by their connections.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # They are meant for wharfd's whole process group; it is wharfd that says when this ends. Shims inherit it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    requests = socket.socket(fileno=int(sys.argv[1]))
    reader, writer = os.pipe2(os.O_CLOEXEC)
    poll = select.poll()
    poll.register(requests.fileno(), select.POLLIN)
    gc.collect()
    gc.freeze()  # shims share these pages as long as nobody counts in them
    while True:
        poll.poll()
        # The child takes the request. Whatever this process touches between two forks is a private copy in every
        # shim before, so it only looks and forks.
        if os.fork() == 0:
            os.close(reader)
            _become_shim(requests, writer)
        if os.read(reader, 1) != _TAKEN:
            return


def _receive(requests: socket.socket) -> tuple[dict[str, Any], int] | None:
    data, control, _, _ = requests.recvmsg(LONGEST_LAUNCH, socket.CMSG_SPACE(4))
    if not data:
        return None
    numbers = array.array("i")
    for _, _, payload in control:
        numbers.frombytes(payload)
    return json.loads(data), numbers[0]


def _become_shim(requests: socket.socket, taken: int) -> None:
    code = 1
    try:
        gc.disable()
        received = _receive(requests)
        os.write(taken, _TAKEN if received else _NO_MORE)
        os.close(taken)
        if received:
            os.setsid()
            requests.close()
            null = os.open("/dev/null", os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.close(null)
            shim.main(*received)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
