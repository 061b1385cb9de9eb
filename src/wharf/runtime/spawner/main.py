"""The spawner's whole life: each packet from wharfd is a launch and a connection, and becomes a shim.

Started as `python -I -S -c "..." <descriptor>`; standard library only. Ends when wharfd closes its side.
"""

import array
import gc
import json
import os
import signal
import socket
import sys
import traceback
from typing import Any, Final

from wharf.linux import syscall
from wharf.runtime.shim import main as shim

#: A launch is a few kilobytes: config.json does not come this way.
LONGEST_LAUNCH: Final = 1 << 17


def main() -> None:
    syscall.set_process_name("wharf-spawner")
    # Children are reaped by the kernel: the shims' ends are told by their connections.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Ctrl-C in wharfd's terminal goes to the whole group; it is wharfd that says when this ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = socket.socket(fileno=int(sys.argv[1]))
    json.loads(json.dumps({"warm": [1]}))
    gc.collect()
    gc.freeze()  # shims share these pages as long as nobody counts in them
    while True:
        received = _receive(requests)
        if received is None:
            return
        launch, control = received
        if os.fork() == 0:
            _become_shim(requests, launch, control)
        os.close(control)


def _receive(requests: socket.socket) -> tuple[dict[str, Any], int] | None:
    data, control, _, _ = requests.recvmsg(LONGEST_LAUNCH, socket.CMSG_SPACE(4))
    if not data:
        return None
    numbers = array.array("i")
    for _, _, payload in control:
        numbers.frombytes(payload)
    return json.loads(data), numbers[0]


def _become_shim(requests: socket.socket, launch: dict[str, Any], control: int) -> None:
    code = 1
    try:
        gc.disable()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        requests.close()
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)
        shim.main(launch, control)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
