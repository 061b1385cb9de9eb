"""Servers of addresses on the wire of a machine outside: dnsmasq, and one that can be told to misbehave."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

from harness.background import background
from harness.outside import OUTSIDE
from wharf.linux.namespaces import inside_network
from wharf.network.dhcp import message as wire
from wharf.network.dhcp.message import Kind, Message, decode, encode

#: dnsmasq lends nothing for less than that.
LEASE: str = "2m"


@dataclass
class Dnsmasq:
    """A real server, as most small networks have it. It also answers for names."""

    log: Path
    leases: Path

    def held(self) -> dict[str, str]:
        """The addresses that it has lent, and what it calls their holders."""
        lines = [line.split() for line in self.leases.read_text().splitlines()]
        return {words[2]: words[3] for words in lines}

    def said(self, kind: str) -> list[str]:
        """The lines of its log about a kind of message, such as DHCPACK."""
        return [line for line in self.log.read_text().splitlines() if f"{kind}(" in line]


@contextmanager
def dnsmasq(namespace: Path, directory: Path, *more: str) -> Iterator[Dnsmasq]:
    made = Dnsmasq(directory / "dnsmasq.log", directory / "leases")
    made.leases.touch()
    options = (
        *("--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=", "--no-resolv", "--no-hosts"),
        *(
            "--interface=eth0",
            "--bind-interfaces",
            "--no-ping",
            "--log-dhcp",
            "--log-queries",
            f"--log-facility={made.log}",
        ),
        *(f"--dhcp-leasefile={made.leases}", f"--dhcp-range=198.51.100.100,198.51.100.150,255.255.255.0,{LEASE}"),
        *(f"--dhcp-option=option:router,{OUTSIDE}", "--domain=lan.example", "--address=/far.example/192.0.2.7", *more),
    )
    command = ["nsenter", f"--net={namespace}", "dnsmasq", *options]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            while not made.log.exists() or "DHCP, " not in made.log.read_text():
                assert process.poll() is None, "dnsmasq did not start"
            yield made
        finally:
            process.terminate()


@dataclass
class Server:
    """A server of the tests: what it says can be changed at any time. Its leases may be short."""

    address: str = "198.51.100.120"
    lasts: int = 10
    renews: int = 2
    rebinds: int = 4
    changed: Callable[[Message], Message | None] = lambda reply: reply  # None: it says nothing
    heard: list[Message] = field(default_factory=list)

    def count(self, kind: Kind) -> int:
        return sum(message.kind is kind for message in self.heard)

    def reply(self, asked: Message) -> Message | None:
        kinds = {Kind.DISCOVER: Kind.OFFER, Kind.REQUEST: Kind.ACK}
        if asked.kind not in kinds:
            return None
        wanted = asked.options.get(wire.REQUESTED_ADDRESS) or asked.own.packed
        given = IPv4Address(self.address)
        kind = kinds[asked.kind]
        if kind is Kind.ACK and wanted != given.packed:
            kind = Kind.NAK
        options = {
            wire.SERVER_ID: IPv4Address(OUTSIDE).packed,
            wire.SUBNET_MASK: IPv4Address("255.255.255.0").packed,
            wire.ROUTER: IPv4Address(OUTSIDE).packed,
            wire.LEASE_TIME: self.lasts.to_bytes(4, "big"),
            wire.RENEWAL_TIME: self.renews.to_bytes(4, "big"),
            wire.REBINDING_TIME: self.rebinds.to_bytes(4, "big"),
        }
        return self.changed(replace(asked, kind=kind, is_reply=True, given=given, own=wire.NOBODY, options=options))


@contextmanager
def tiny_server(namespace: Path) -> Iterator[Server]:
    made = Server()
    with namespace.open() as kept, inside_network(kept.fileno()):
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    bound.bind(("0.0.0.0", wire.SERVER_PORT))
    bound.settimeout(0.1)
    with bound, background(partial(_serve, made, bound)):
        yield made


def _serve(server: Server, bound: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        try:
            asked = decode(bound.recv(4096))
        except (TimeoutError, ValueError):
            continue
        server.heard.append(asked)
        if (reply := server.reply(asked)) is not None:
            bound.sendto(encode(reply), ("255.255.255.255", wire.CLIENT_PORT))
