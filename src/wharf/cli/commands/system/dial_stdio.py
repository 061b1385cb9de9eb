"""`wharf system dial-stdio`: the far end of an ssh connection. Copies between our streams and the daemon's socket."""

import os
import select

from wharf.cli.command import Call, Command
from wharf.cli.output import STDOUT, write
from wharf.client.connection import READ_SIZE, open_socket

STDIN = 0
CLOSE_WRITING = 1  # SHUT_WR


def run(call: Call) -> int:
    socket = open_socket(call.client.address)
    poll = select.poll()
    poll.register(STDIN, select.POLLIN)
    poll.register(socket.fileno(), select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == STDIN:
                data = os.read(STDIN, READ_SIZE)
                if data:
                    socket.sendall(data)
                else:
                    poll.unregister(STDIN)
                    socket.shutdown(CLOSE_WRITING)
                continue
            data = socket.recv(READ_SIZE)
            if not data:
                return 0
            write(STDOUT, data)


COMMAND = Command(run, "", "Join our streams with the daemon's socket")
