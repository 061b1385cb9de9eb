"""What systemd hands to a service and wants to hear from it: sd_listen_fds(3) and sd_notify(3)."""

import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import Final

FIRST_FD: Final = 3


def take_sockets(environment: MutableMapping[str, str], pid: int) -> dict[str, list[socket.socket]]:
    """The sockets that were passed to this process, by their names. A second call gives none."""
    mine = environment.get("LISTEN_PID") == str(pid)
    count = int(environment.get("LISTEN_FDS", "0")) if mine else 0
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environment.pop(name, None)  # what we start must not think that they are its own
    found: dict[str, list[socket.socket]] = {}
    for number in range(count):
        fd = FIRST_FD + number
        os.set_inheritable(fd, False)
        name = names[number] if number < len(names) else ""
        found.setdefault(name or str(fd), []).append(socket.socket(fileno=fd))
    return found


def notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Tells systemd (or whoever listens at NOTIFY_SOCKET) a state such as READY=1. False when nobody asked for it."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.connect(address)
            sock.send(state.encode())
        except OSError:
            return False  # the listener is gone: nothing that we do depends on it
    return True
