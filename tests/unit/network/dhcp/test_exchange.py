"""The client's conversations, with a server in memory that keeps the protocol's rules or breaks them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

import pytest

from wharf.linux.clock import since_boot
from wharf.network.dhcp import exchange
from wharf.network.dhcp import message as dhcp
from wharf.network.dhcp.exchange import Client, NoAnswer, Refused
from wharf.network.dhcp.frames import ALL_STATIONS, Station
from wharf.network.dhcp.lease import Lease
from wharf.network.dhcp.message import NOBODY, Kind, Message

MAC, SERVER_MAC = b"\x02\x42\x00\x00\x00\x01", b"\x02\x42\x00\x00\x00\x02"
CLIENT = Client(b"\x01" + MAC, "web")
SERVER, OTHER = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")


def reply(asked: Message, kind: Kind, given: str = "192.0.2.77", server: IPv4Address = SERVER) -> Message:
    options = {
        dhcp.SERVER_ID: server.packed,
        dhcp.SUBNET_MASK: IPv4Address("255.255.255.0").packed,
        dhcp.LEASE_TIME: (3600).to_bytes(4, "big"),
    }
    own = IPv4Address(given) if kind is not Kind.NAK else NOBODY
    return replace(asked, kind=kind, is_reply=True, given=own, options=options)


def usual(asked: Message) -> list[Message]:
    kinds = {Kind.DISCOVER: Kind.OFFER, Kind.REQUEST: Kind.ACK}
    return [reply(asked, kinds[asked.kind])] if asked.kind in kinds else []


@dataclass
class FakeWire:
    """A wire with a server that answers at once."""

    answers: Callable[[Message], list[Message]] = usual
    mac: bytes = MAC
    sent: list[tuple[Message, Station, Station]] = field(default_factory=list)
    waiting: "asyncio.Queue[Message]" = field(default_factory=asyncio.Queue)

    def send(self, asked: Message, source: Station, target: Station) -> None:
        self.sent.append((asked, source, target))
        for answer in self.answers(asked):
            self.waiting.put_nowait(answer)

    def announce(self, own: Station) -> None:
        raise AssertionError("nobody asked for it")

    async def receive(self) -> tuple[Message, bytes]:
        return await self.waiting.get(), SERVER_MAC

    @property
    def kinds(self) -> list[Kind]:
        return [asked.kind for asked, _, _ in self.sent]


def obtained(link: FakeWire, wanted: str = "", *, only: bool = False, patience: float = 0.2) -> Lease:
    return asyncio.run(exchange.obtain(link, CLIENT, wanted, only=only, patience=patience))


def renewed(link: FakeWire, held: Lease, *, of_anybody: bool = False) -> Lease:
    return asyncio.run(exchange.renew(link, CLIENT, held, of_anybody=of_anybody, patience=0.2))


HELD = obtained(FakeWire())


def test_a_lease() -> None:
    link, before = FakeWire(), since_boot()
    found = obtained(link, "192.0.2.77")
    assert before <= found.began <= since_boot(), "not by the clock on the wall, which may be set"
    assert (found.address, found.server, found.host_name) == ("192.0.2.77", str(SERVER), "web")
    assert link.kinds == [Kind.DISCOVER, Kind.REQUEST]
    (discover, source, target), (request, _, _) = link.sent
    assert (source.mac, source.address, target.mac) == (MAC, NOBODY, ALL_STATIONS)
    assert discover.transaction == request.transaction
    assert discover.options[dhcp.REQUESTED_ADDRESS] == request.options[dhcp.REQUESTED_ADDRESS]
    assert request.options[dhcp.SERVER_ID] == SERVER.packed
    assert (request.options[dhcp.HOST_NAME], request.options[dhcp.CLIENT_ID]) == (b"web", b"\x01" + MAC)


def test_what_is_not_for_us_is_not_heard() -> None:
    def noisy(asked: Message) -> list[Message]:
        right = usual(asked)
        return [
            *(replace(one, transaction=one.transaction ^ 1) for one in right),
            *(replace(one, hardware=SERVER_MAC) for one in right),
            *(replace(one, kind=Kind.INFORM) for one in right),
            *(replace(one, options={}) for one in right),
            *([reply(asked, Kind.NAK, server=OTHER)] if asked.kind is Kind.REQUEST else ()),
            *right,
        ]

    assert obtained(FakeWire(noisy)).address == "192.0.2.77"


def test_silence() -> None:
    with pytest.raises(NoAnswer):
        obtained(FakeWire(lambda asked: []))
    with pytest.raises(NoAnswer):
        renewed(FakeWire(lambda asked: []), HELD)


def test_an_address_that_the_server_does_not_offer() -> None:
    with pytest.raises(Refused, match=r"offers 192\.0\.2\.77, and not 192\.0\.2\.9"):
        obtained(FakeWire(), "192.0.2.9", only=True)
    assert obtained(FakeWire(), "192.0.2.9").address == "192.0.2.77"


def test_offers_that_are_taken_back() -> None:
    def refusing(asked: Message) -> list[Message]:
        return usual(asked) if asked.kind is Kind.DISCOVER else [reply(asked, Kind.NAK)]

    link = FakeWire(refusing)
    with pytest.raises(Refused, match=r"offered 192\.0\.2\.77 and then refused it"):
        obtained(link)
    assert link.kinds == [Kind.DISCOVER, Kind.REQUEST]  # nobody is asked for ever


@pytest.mark.parametrize("of_anybody", [False, True])
def test_renewing(of_anybody: bool) -> None:
    link = FakeWire()
    found = renewed(link, replace(HELD, only=True), of_anybody=of_anybody)
    assert (found.address, found.only, found.host_name) == (HELD.address, True, "web")
    request, source, target = link.sent[0]
    assert (str(request.own), dhcp.REQUESTED_ADDRESS in request.options, dhcp.SERVER_ID in request.options) == (
        HELD.address,
        False,
        False,
    )
    assert str(source.address) == HELD.address
    assert (target.mac == ALL_STATIONS) is of_anybody


def test_renewals_that_are_refused() -> None:
    with pytest.raises(Refused):
        renewed(FakeWire(lambda asked: [reply(asked, Kind.NAK)]), HELD)
    with pytest.raises(Refused, match="another address"):
        renewed(FakeWire(lambda asked: [reply(asked, Kind.ACK, "192.0.2.78")]), HELD)
    # Only its own server may refuse, unless all are asked.
    stranger = FakeWire(lambda asked: [reply(asked, Kind.NAK, server=OTHER)])
    with pytest.raises(NoAnswer):
        renewed(stranger, HELD)


def test_a_release() -> None:
    link = FakeWire(lambda asked: [])
    exchange.release(link, CLIENT, HELD)
    said, source, target = link.sent[0]
    assert (said.kind, str(said.own), str(source.address)) == (Kind.RELEASE, HELD.address, HELD.address)
    assert (target.mac, str(target.address)) == (SERVER_MAC, str(SERVER))


@pytest.mark.parametrize(("name", "said"), [("web", b"web"), ("a.b", b"a.b"), ("-x", None), ("a b", None), ("", None)])
def test_only_host_names_are_told(name: str, said: bytes | None) -> None:
    link = FakeWire()
    asyncio.run(exchange.obtain(link, Client(b"\x01", name), only=False, patience=0.2))
    assert link.sent[0][0].options.get(dhcp.HOST_NAME) == said


def test_who_cannot_be_sent_to_says_so() -> None:
    link = FakeWire()
    asyncio.run(exchange.obtain(link, Client(b"\xff", broadcast=True), only=False, patience=0.2))
    assert all(asked.broadcast for asked, _, _ in link.sent)
