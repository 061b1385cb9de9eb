"""Asking servers outside: those that the host names from its own network, a container's from the container's."""

import asyncio
import secrets
import socket
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

from wharf.linux.namespaces import inside_network
from wharf.network.dns import answering
from wharf.network.dns.contract import Server

PORT: Final = 53
#: Seconds for one server. Clients give up after 5 (resolv.conf(5)); the second server must have its chance.
PATIENCE: Final = 2.0
_LARGEST: Final = 65535


async def ask(query: bytes, servers: Sequence[Server], namespace: int, *, stream: bool = False) -> bytes | None:
    """The first answer, with the query's own id; None when no server gives one.

    `namespace` is the container's network. An answer that only says that a server cannot help is given when no other
    says more.
    """
    # An id of our own: one chosen by the container could be guessed by who wants to answer in the server's place.
    sent = secrets.token_bytes(2) + query[2:]
    failure = None
    for server in servers:
        try:
            response = await asyncio.wait_for(_ask_one(sent, server, namespace, stream=stream), PATIENCE)
        except (OSError, ValueError, asyncio.IncompleteReadError):  # ValueError: that is no address at all
            continue
        response = query[:2] + response[2:]
        if not answering.is_failure(response):
            return response
        failure = failure or response
    return failure


async def _ask_one(query: bytes, server: Server, namespace: int, *, stream: bool) -> bytes:
    kind = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
    with inside_network(namespace) if server.inside else nullcontext():
        # Here, since an address may name a link (fe80::1%eth0). It asks nobody.
        found = socket.getaddrinfo(server.address, PORT, type=kind, flags=socket.AI_NUMERICHOST)
        family, _, _, _, address = found[0]
        asking = socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    with asking:
        # Connected: the kernel drops what others send, and tells of a refusal at once.
        await asyncio.get_running_loop().sock_connect(asking, address)
        return await (_by_stream(query, asking) if stream else _by_datagram(query, asking))


async def _by_datagram(query: bytes, asking: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    asking.send(query)
    while True:
        response = await loop.sock_recv(asking, _LARGEST)
        if answering.same_question(query, response):
            return response
        await asyncio.sleep(0)  # what is there already is read without waiting: others shall have their turn


async def _by_stream(query: bytes, asking: socket.socket) -> bytes:
    reader, writer = await asyncio.open_connection(sock=asking)
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        response = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        if not answering.same_question(query, response):
            raise OSError("the server answered something else")
        return response
    finally:
        writer.close()
