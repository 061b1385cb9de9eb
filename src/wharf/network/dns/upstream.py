"""Asking the servers that the host (or the container's --dns) names, from the host's network."""

import asyncio
import secrets
import socket
from collections.abc import Sequence
from typing import Final

from wharf.network.dns import answering

PORT: Final = 53
#: Seconds for one server. Clients give up after 5 (resolv.conf(5)); the second server must have its chance.
PATIENCE: Final = 2.0
_LARGEST: Final = 65535


async def ask(query: bytes, servers: Sequence[str], *, stream: bool = False) -> bytes | None:
    """The first answer, with the query's own id; None when no server gives one."""
    # An id of our own: one chosen by the container could be guessed by who wants to answer in the server's place.
    sent = secrets.token_bytes(2) + query[2:]
    for server in servers:
        try:
            response = await asyncio.wait_for(_ask_one(sent, server, stream=stream), PATIENCE)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            continue
        return query[:2] + response[2:]
    return None


async def _ask_one(query: bytes, server: str, *, stream: bool) -> bytes:
    return await (_by_stream(query, server) if stream else _by_datagram(query, server))


def _address(server: str, kind: socket.SocketKind) -> tuple[int, tuple[object, ...]]:
    found = socket.getaddrinfo(server, PORT, type=kind, flags=socket.AI_NUMERICHOST)[0]
    return found[0], found[4]


async def _by_datagram(query: bytes, server: str) -> bytes:
    loop = asyncio.get_running_loop()
    family, address = _address(server, socket.SOCK_DGRAM)
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as asking:
        # Connected: the kernel drops what others send, and tells of a refusal at once.
        asking.connect(address)
        asking.send(query)
        while True:
            response = await loop.sock_recv(asking, _LARGEST)
            if answering.same_question(query, response):
                return response


async def _by_stream(query: bytes, server: str) -> bytes:
    reader, writer = await asyncio.open_connection(server, PORT)
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        response = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        if not answering.same_question(query, response):
            raise OSError("the server answered something else")
        return response
    finally:
        writer.close()
