"""The resolver's connections."""

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from typing import Any

import dns.message
import pytest

from wharf.network.dns import resolver
from wharf.network.dns.resolver import Resolver
from wharf.network.dns.sockets import Sockets
from wharf.network.subnets import Address


class Nobody:
    """A view without any names."""

    def addresses(self, name: str, version: int) -> Sequence[Address] | None:
        return []

    def names(self, address: Address) -> Sequence[str]:
        return ()

    def is_private(self, name: str) -> bool:
        return True

    def is_private_address(self, address: Address) -> bool:
        return True


class Short(socket.socket):
    """A socket that can take no connection yet."""

    is_short = True
    tries = 0

    def accept(self) -> Any:
        self.tries += 1
        if self.is_short:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


def test_too_many_open_files_are_waited_for_without_trying_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        connections = Short()
        sockets = Sockets(socket.socket(type=socket.SOCK_DGRAM), connections, os.open("/", os.O_PATH))
        for one in (sockets.datagrams, connections):
            one.bind(("127.0.0.1", 0))
            one.setblocking(False)
        connections.listen()
        serving = Resolver(sockets, Nobody(), list)
        reader, writer = await asyncio.open_connection(*connections.getsockname())
        query = dns.message.make_query("web", "A")
        wire = query.to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
        await asyncio.sleep(0.2)
        assert 1 <= connections.tries < 20
        connections.is_short = False
        length = int.from_bytes(await asyncio.wait_for(reader.readexactly(2), 20), "big")
        assert query.is_response(dns.message.from_wire(await reader.readexactly(length)))
        writer.close()
        serving.close()
        serving._listen()  # a pause may end after the close

    monkeypatch.setattr(resolver, "_PAUSE", 0.06)
    asyncio.run(body())
