"""Published SCTP ports. The test speaks SCTP by itself (RFC 9260): few kernels have such sockets."""

import socket
import struct
from collections.abc import Callable
from pathlib import Path

from harness.outside import HOST, OUTSIDE, Outside
from harness.wharfd import Wharfd
from wharf.linux.namespaces import inside_network


def crc32c(data: bytes) -> int:
    """The checksum of SCTP (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def packet(source: int, target: int, chunk: bytes, *, tag: int = 0) -> bytes:
    body = struct.pack("!HHI", source, target, tag) + bytes(4) + chunk
    return body[:8] + struct.pack("<I", crc32c(body)) + body[12:]


def raw(namespace: Path) -> socket.socket:
    with namespace.open() as kept, inside_network(kept.fileno()):
        made = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_SCTP)
    made.settimeout(30)
    return made


def received(sock: socket.socket) -> tuple[str, int, int, int]:
    """Who sent it, source and target port, and the first chunk's type."""
    data, peer = sock.recvfrom(2000)
    body = data[(data[0] & 15) * 4 :]
    assert crc32c(body[:8] + bytes(4) + body[12:]) == struct.unpack_from("<I", body, 8)[0]
    return peer[0], *struct.unpack_from("!HH", body), body[12]


def test_an_association_reaches_the_container_and_its_answer_comes_back(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    with Outside(engine) as outside:
        engine.docker("run", "-d", "--name", "web", "-p", "3868:3000/sctp", "busybox", "sleep", "1000")
        assert engine.docker("port", "web").text.splitlines()[0] == "3000/sctp -> 0.0.0.0:3868"
        inside = Path(f"/proc/{engine.state('web')['Pid']}/ns/net")
        with raw(outside.namespace) as client, raw(inside) as server:
            init = struct.pack("!BBHIIHHI", 1, 0, 20, 7, 65536, 1, 1, 1)
            client.sendto(packet(5000, 3868, init), (HOST, 0))
            assert received(server) == (OUTSIDE, 5000, 3000, 1)
            acknowledged = struct.pack("!BBHIIHHI", 2, 0, 20, 8, 65536, 1, 1, 1)
            server.sendto(packet(3000, 5000, acknowledged, tag=7), (OUTSIDE, 0))
            assert received(client) == (HOST, 3868, 5000, 2)
        taken = engine.docker("run", "--rm", "-p", "3868:1/sctp", "busybox", "true", check=False)
        assert taken.code == 125 and "port is already allocated" in taken.error
