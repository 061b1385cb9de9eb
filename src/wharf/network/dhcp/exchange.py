"""The conversations of a client with servers (RFC 2131, 4.4): to get a lease, to keep it, to give it back."""

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from wharf.errors import EngineError
from wharf.linux.clock import since_boot
from wharf.network.dhcp import lease as leases
from wharf.network.dhcp import message as dhcp
from wharf.network.dhcp.frames import ALL_STATIONS, EVERY_STATION, Station
from wharf.network.dhcp.lease import Lease
from wharf.network.dhcp.message import NOBODY, Kind, Message
from wharf.network.dhcp.wire import Wire, station

#: Seconds for an address, where nobody says otherwise: some servers look for 3 s first whether somebody has it.
PATIENCE: Final = 15.0
#: Seconds until a message is sent again; then twice as long each time, up to the second.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 8.0
#: Seconds for the server whose offer was taken; then another one may have its turn.
_CONFIRMATION: Final = 6.0
_WANTED: Final = bytes(
    (
        *(dhcp.SUBNET_MASK, dhcp.ROUTER, dhcp.NAME_SERVERS, dhcp.DOMAIN_NAME),
        *(dhcp.LEASE_TIME, dhcp.SERVER_ID, dhcp.RENEWAL_TIME, dhcp.REBINDING_TIME),
    )
)
#: Bytes that an answer may have without being cut to pieces on the way (RFC 2132, 9.10).
_LARGEST: Final = (1472).to_bytes(2, "big")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class NoAnswer(EngineError):
    """Nobody on the wire lends an address, or not in time."""


class Refused(EngineError):
    """The server says that the client may not have the address (any more)."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks."""

    id: bytes  # the option by which servers know it again
    host_name: str = ""
    broadcast: bool = False  # what is sent to an address that it does not have yet would not reach it
    mac: bytes = b""  # nothing: the link's own

    def hardware(self, link: Wire) -> bytes:
        return self.mac or link.mac


@dataclass(frozen=True, slots=True)
class _Question:
    """A message that is sent again until it is answered."""

    transaction: int
    kind: Kind
    options: Mapping[int, bytes]
    own: IPv4Address = NOBODY
    target: Station = EVERY_STATION


async def obtain(link: Wire, client: Client, wanted: str = "", *, only: bool, patience: float) -> Lease:
    """A new lease, of the wanted address if it can be had; `only`: else none. `patience` in seconds.

    Raises NoAnswer, Refused, OSError.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience
    hint = {dhcp.REQUESTED_ADDRESS: IPv4Address(wanted).packed} if wanted else {}
    seen = _Seen(wanted if only else "")
    while clock() < deadline:
        transaction, began = secrets.randbits(32), since_boot()
        question = _Question(transaction, Kind.DISCOVER, hint)
        try:
            offer, _ = await _ask(link, client, question, seen.accepts, deadline)
        except TimeoutError:
            break
        server = offer.options[dhcp.SERVER_ID]
        taken = {dhcp.REQUESTED_ADDRESS: offer.given.packed, dhcp.SERVER_ID: server}
        question = _Question(transaction, Kind.REQUEST, taken)
        until = min(deadline, clock() + _CONFIRMATION)
        try:
            answer, mac = await _ask(link, client, question, _answers(server), until)
            if answer.kind is Kind.ACK and answer.given == offer.given:
                return replace(leases.granted(answer, mac, began), host_name=client.host_name, only=only)
            seen.refusal = f"the DHCP server {IPv4Address(server)} offered {offer.given} and then refused it"
        except TimeoutError:
            seen.refusal = f"the DHCP server {IPv4Address(server)} offered {offer.given} and then fell silent"
        except ValueError as error:
            seen.refusal = f"the DHCP server {IPv4Address(server)} gives what cannot be used: {error}"
        # A server that offers and refuses for ever is not asked all the time.
        await asyncio.sleep(min(_FIRST_PAUSE, max(deadline - clock(), 0)))
    raise seen.failure()


@dataclass(slots=True)
class _Seen:
    """Which offers are taken, and why others were not."""

    only: str
    refusal: str = ""

    def accepts(self, answer: Message) -> bool:
        if answer.kind is not Kind.OFFER or len(answer.options.get(dhcp.SERVER_ID, b"")) != 4:
            return False
        if self.only and str(answer.given) != self.only:
            self.refusal = f"the DHCP server offers {answer.given}, and not {self.only}"
            return False
        return True

    def failure(self) -> EngineError:
        return Refused(self.refusal) if self.refusal else NoAnswer("no DHCP server answers")


async def renew(link: Wire, client: Client, held: Lease, *, of_anybody: bool, patience: float) -> Lease:
    """The same address for longer, of its own server or of anybody's. Raises NoAnswer, Refused, OSError."""
    own = IPv4Address(held.address)
    target = EVERY_STATION if of_anybody else station(held.server_mac, held.server)
    deadline = asyncio.get_running_loop().time() + patience
    began = since_boot()
    question = _Question(secrets.randbits(32), Kind.REQUEST, {}, own, target)
    accepts = _answers(None if of_anybody else IPv4Address(held.server).packed)
    try:
        answer, mac = await _ask(link, client, question, accepts, deadline)
    except TimeoutError:
        raise NoAnswer("no DHCP server answers") from None
    if answer.kind is Kind.NAK:
        raise Refused("the DHCP server refuses to lend the address for longer")
    try:
        found = leases.granted(answer, mac, began)
    except ValueError as error:
        raise NoAnswer(f"the DHCP server gives what cannot be used: {error}") from None
    if (found.address, found.prefix_length) != (held.address, held.prefix_length):
        raise Refused(f"the DHCP server gives another address, {found.address}/{found.prefix_length}")
    return replace(found, host_name=held.host_name, only=held.only)


def release(link: Wire, client: Client, held: Lease) -> None:
    """Gives it back. Nobody answers to that. Raises OSError."""
    options = {dhcp.CLIENT_ID: client.id, dhcp.SERVER_ID: IPv4Address(held.server).packed}
    own = Station(client.hardware(link), IPv4Address(held.address))
    said = Message(Kind.RELEASE, secrets.randbits(32), own.mac, own=own.address, options=options)
    link.send(said, own, station(held.server_mac, held.server))


def _answers(server: bytes | None) -> Callable[[Message], bool]:
    """Whether a message is what the server (None: any) says to a request."""

    def accepts(answer: Message) -> bool:
        found = answer.options.get(dhcp.SERVER_ID, b"")
        return answer.kind in (Kind.ACK, Kind.NAK) and len(found) == 4 and server in (None, found)

    return accepts


async def _ask(
    link: Wire, client: Client, question: _Question, accepts: Callable[[Message], bool], deadline: float
) -> tuple[Message, bytes]:
    """The first acceptable answer to a question, and where it came from. Raises TimeoutError, OSError."""
    loop = asyncio.get_running_loop()
    began, pause = loop.time(), _FIRST_PAUSE
    while True:
        link.send(
            _said(link, client, question, int(loop.time() - began)),
            Station(client.hardware(link), question.own),
            question.target,
        )
        try:
            async with asyncio.timeout_at(min(loop.time() + pause, deadline)):
                return await _answer(link, client.hardware(link), question.transaction, accepts)
        except TimeoutError:
            if loop.time() >= deadline:
                raise
        pause = min(pause * 2, _LONGEST_PAUSE)


async def _answer(
    link: Wire, hardware: bytes, transaction: int, accepts: Callable[[Message], bool]
) -> tuple[Message, bytes]:
    while True:
        found, mac = await link.receive()
        if (found.transaction, found.hardware) == (transaction, hardware) and mac != ALL_STATIONS and accepts(found):
            return found, mac


def _said(link: Wire, client: Client, question: _Question, elapsed: int) -> Message:
    options = {dhcp.CLIENT_ID: client.id, dhcp.WANTED_OPTIONS: _WANTED, dhcp.LARGEST_MESSAGE: _LARGEST}
    if _HOST_NAME.fullmatch(client.host_name):
        options[dhcp.HOST_NAME] = client.host_name.encode()
    return Message(
        question.kind,
        question.transaction,
        client.hardware(link),
        seconds=elapsed,
        # A client that has its address can be sent to.
        broadcast=client.broadcast and question.own == NOBODY,
        own=question.own,
        options={**options, **question.options},
    )
