"""A machine outside of an engine's host, with a route to the host only."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from harness.engine import Engine, wait_until
from wharf.linux.namespaces import inside_network

HOST, OUTSIDE = "198.51.100.1", "198.51.100.2"
_PAYLOAD = b"from whom?"
#: Seconds that a host has to be reached. What is lost on the way, such as the first question for a neighbour's hardware
#: address, is sent again after one second, and TCP's first packet after one and three.
ANSWER_LIMIT: Final = 3.5
HOST6, OUTSIDE6 = "2001:db8:1::1", "2001:db8:1::2"


class Outside:
    """Exists until it is left; with a cable to the network namespace in which the engine runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._name = f"o{engine.root.name}"[:15]

    def __enter__(self) -> Self:
        inside, name = self._engine.inside, self._name
        inside("ip", "netns", "add", name)
        inside("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", name)
        for run, device, ipv4, ipv6 in ((inside, "up0", HOST, HOST6), (self.run, "eth0", OUTSIDE, OUTSIDE6)):
            run("ip", "addr", "add", f"{ipv4}/24", "dev", device)
            run("ip", "addr", "add", f"{ipv6}/64", "dev", device, "nodad")
            run("ip", "link", "set", device, "up")
        # The kernel lets packets through in its own time; the first one lost would be sent again after a second.
        wait_until(lambda: " state UP " in inside("ip", "link", "show", "up0"), "the cable is plugged in")
        return self

    def run(self, *arguments: str, check: bool = True) -> str:
        """Standard output of a program that runs there."""
        return self._engine.inside("nsenter", f"--net={self.namespace}", *arguments, check=check)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        # The cable first: with its namespace alone it would go in the kernel's own time, and the next one has its name.
        self._engine.inside("ip", "link", "del", "up0", check=False)
        self._engine.inside("ip", "netns", "del", self._name)

    def route(self, *networks: str) -> None:
        """It sends packets for these to the engine's host."""
        for network in networks:
            self.run("ip", "route", "add", network, "via", HOST6 if ":" in network else HOST)

    @property
    def namespace(self) -> Path:
        return Path("/run/netns", self._name)


@contextmanager
def socket_in(namespace: Path, family: int, kind: int) -> Iterator[socket.socket]:
    with namespace.open() as kept, inside_network(kept.fileno()):
        made = socket.socket(family, kind)
    with made:
        made.settimeout(ANSWER_LIMIT)
        yield made


def client_seen(engine: Engine, container: str, client: Path, address: str, port: int, *, udp: bool = False) -> str:
    """How a server on port 80 of a container sees a client in a network namespace; "" when that does not reach it."""
    return seen(engine.network_of(container), client, address, port, listening=80, udp=udp)


def seen(server: Path, client: Path, address: str, port: int, *, listening: int = 0, udp: bool = False) -> str:
    """How a server in one network namespace sees a client in another that asks an address; "" when it does not.

    The server listens on `listening`, else on the port that is asked; it answers, and the client gets that answer.
    """
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket_in(server, family, kind) as listener, socket_in(client, family, kind) as sender:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", listening or port))
        try:
            peer = _by_datagram(listener, sender, address, port) if udp else _by_stream(listener, sender, address, port)
            answer = sender.recv(5)
        except OSError:
            return ""
        assert answer == b"hello"
        return peer


def _by_datagram(server: socket.socket, sender: socket.socket, address: str, port: int) -> str:
    sender.connect((address, port))
    sender.send(b"question")
    _, peer = server.recvfrom(100)
    server.sendto(b"hello", peer)
    return str(peer[0])


def _by_stream(server: socket.socket, sender: socket.socket, address: str, port: int) -> str:
    server.listen()
    sender.connect((address, port))
    connection, peer = server.accept()
    with connection:
        connection.sendall(b"hello")
    return str(peer[0])


def inject(sender: Path, device: str, hardware: str, source: str, target: str, port: int) -> None:
    """Sends a datagram with any source address from a network namespace, by a device, to a neighbour's hardware."""
    version = 6 if ":" in source else 4
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    ends = socket.inet_pton(family, source), socket.inet_pton(family, target)
    data = struct.pack("!HHHH", 40000, port, 8 + len(_PAYLOAD), 0) + _PAYLOAD
    if version == 6:
        pseudo = b"".join(ends) + struct.pack("!II", len(data), socket.IPPROTO_UDP)
        data = data[:6] + struct.pack("!H", _checksum(pseudo + data) or 0xFFFF) + data[8:]
        header = struct.pack("!IHBB", 6 << 28, len(data), socket.IPPROTO_UDP, 64)
    else:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64, socket.IPPROTO_UDP, 0)
        header = header[:10] + struct.pack("!H", _checksum(header + b"".join(ends))) + header[12:]
    with sender.open() as kept, inside_network(kept.fileno()):
        made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    with made:
        kind = 0x86DD if version == 6 else 0x0800
        made.sendto(header + b"".join(ends) + data, (device, kind, 0, 0, bytes.fromhex(hardware.replace(":", ""))))


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
