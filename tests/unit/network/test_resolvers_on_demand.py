"""A resolver that is loaded with the first question."""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from typing import cast

import pytest

from wharf.network.dns import on_demand
from wharf.network.dns.contract import Server, View
from wharf.network.dns.on_demand import OnDemand
from wharf.network.dns.sockets import Sockets


class Loaded:
    """A resolver that takes one question, and asks whom it would ask."""

    def __init__(self, sockets: Sockets, _: View, servers: Callable[[], Sequence[Server]]) -> None:
        self.asked = sockets.datagrams.recv(512)
        servers()

    def close(self) -> None:
        pass


def test_a_load_that_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    failures = [OSError("too many open files"), OSError("too many open files")]

    def kind() -> type[Loaded]:
        if failures:
            raise failures.pop()
        return Loaded

    async def body() -> None:
        sockets = Sockets(socket.socket(type=socket.SOCK_DGRAM), socket.socket(), os.open("/", os.O_PATH))
        sockets.datagrams.bind(("127.0.0.1", 0))
        sockets.connections.bind(("127.0.0.1", 0))
        sockets.connections.listen()
        loaded = asyncio.Event()

        def servers() -> Sequence[Server]:
            loaded.set()
            return []

        resolver = OnDemand(sockets, cast(View, None), servers)
        with socket.socket(type=socket.SOCK_DGRAM) as asking:
            asking.sendto(b"question", sockets.datagrams.getsockname())
        await asyncio.wait_for(loaded.wait(), 20)
        assert isinstance(resolver._resolver, Loaded) and resolver._resolver.asked == b"question"
        resolver.close()

    monkeypatch.setattr(on_demand, "_kind", kind)
    monkeypatch.setattr(on_demand, "_PAUSE", 0.01)
    asyncio.run(body())
    assert len(caplog.records) == 2
