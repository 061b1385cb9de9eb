"""A link on which DHCP is spoken."""

import asyncio
import socket
from ipaddress import IPv4Address
from types import TracebackType
from typing import Final, Protocol, Self

from wharf.linux import packet_socket
from wharf.linux.netlink import parse_mac
from wharf.network.dhcp import frames, message
from wharf.network.dhcp.frames import Station
from wharf.network.dhcp.message import CLIENT_PORT, Message

_LARGEST: Final = 65535


class Wire(Protocol):
    """What the client needs of one."""

    @property
    def mac(self) -> bytes:
        """Of the link itself."""

    def send(self, asked: Message, source: Station, target: Station) -> None:
        """To a server, or to all of them. Raises OSError."""

    def announce(self, own: Station) -> None:
        """Tells neighbours who has an address now. Raises OSError."""

    async def receive(self) -> tuple[Message, bytes]:
        """The next reply to anybody, and the MAC address that it came from. Raises OSError."""


class Link:
    """A real one, for the event loop. Closed when its block ends."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self.mac: bytes = opened.getsockname()[4]

    @classmethod
    def opened(cls, name: str) -> Self:
        """In this thread's network namespace. Raises OSError."""
        return cls(packet_socket.open_for_datagrams(name, CLIENT_PORT))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()

    def send(self, asked: Message, source: Station, target: Station) -> None:
        """See Wire."""
        self._socket.send(frames.to_server(message.encode(asked), source, target))

    def announce(self, own: Station) -> None:
        """See Wire."""
        self._socket.send(frames.announcement(own))

    async def receive(self) -> tuple[Message, bytes]:
        """See Wire."""
        loop = asyncio.get_running_loop()
        while True:
            # Who floods the wire keeps only this client from its answer: what is there already is read without waiting.
            await asyncio.sleep(0)
            frame = await loop.sock_recv(self._socket, _LARGEST)
            try:
                mac, payload = frames.from_server(frame)
                found = message.decode(payload)
            except ValueError:
                continue
            if found.is_reply:
                return found, mac


def station(mac: str, address: str) -> Station:
    """From the text of both."""
    return Station(parse_mac(mac), IPv4Address(address))
