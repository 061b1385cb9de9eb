"""What is taken of a server's answer, and when a lease is asked for again."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.network.dhcp import message as dhcp
from wharf.network.dhcp.lease import FOREVER, Lease, Phase, granted
from wharf.network.dhcp.message import Kind, Message

MAC = b"\x02\x42\x00\x00\x00\x01"


def packed(*texts: str) -> bytes:
    return b"".join(IPv4Address(text).packed for text in texts)


OPTIONS = {
    dhcp.SERVER_ID: packed("192.0.2.1"),
    dhcp.SUBNET_MASK: packed("255.255.255.0"),
    dhcp.ROUTER: packed("192.0.2.254", "192.0.2.253"),
    dhcp.NAME_SERVERS: packed("192.0.2.53", "198.51.100.53", "127.0.0.1", "192.0.2.54", "192.0.2.55"),
    dhcp.DOMAIN_NAME: b"lan.example\0",
    dhcp.LEASE_TIME: (3600).to_bytes(4, "big"),
}


def ack(given: str = "192.0.2.77", **changes: bytes) -> Message:
    options = OPTIONS | {getattr(dhcp, name): value for name, value in changes.items()}
    return Message(Kind.ACK, 1, MAC, is_reply=True, given=IPv4Address(given), options=options)


def test_all_that_a_server_grants() -> None:
    assert granted(ack(), MAC, 1000.0) == Lease(
        address="192.0.2.77",
        prefix_length=24,
        router="192.0.2.254",
        server="192.0.2.1",
        server_mac="02:42:00:00:00:01",
        began=1000.0,
        lasts=3600,
        renews=1800,
        rebinds=3150,
        name_servers=["192.0.2.53", "198.51.100.53", "192.0.2.54"],
        domain="lan.example",
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ROUTER": packed("10.0.0.1")}, {"router": ""}),
        ({"ROUTER": packed("192.0.2.77")}, {"router": ""}),
        ({"ROUTER": b"\xc0\x00"}, {"router": ""}),
        ({"NAME_SERVERS": b"\xc0\x00\x02"}, {"name_servers": []}),
        ({"DOMAIN_NAME": b"a b\nnameserver 192.0.2.66"}, {"domain": ""}),
        ({"DOMAIN_NAME": b"x" * 254}, {"domain": ""}),
        ({"DOMAIN_NAME": b"\xff\xfe"}, {"domain": ""}),
        ({"DOMAIN_NAME": b"home."}, {"domain": "home"}),
        ({"LEASE_TIME": b"\xff\xff\xff\xff"}, {"lasts": FOREVER}),
        ({"RENEWAL_TIME": (100).to_bytes(4, "big")}, {"renews": 100, "rebinds": 3150}),
        ({"RENEWAL_TIME": (3500).to_bytes(4, "big")}, {"renews": 1800, "rebinds": 3150}),
        ({"RENEWAL_TIME": (1).to_bytes(4, "big")}, {"renews": 1800}),
        ({"REBINDING_TIME": (9999).to_bytes(4, "big")}, {"rebinds": 3150}),
    ],
)
def test_what_makes_no_sense_is_left_out(changes: dict[str, bytes], expected: dict[str, object]) -> None:
    found = granted(ack("192.0.2.77", **changes), MAC, 0.0)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    "answer",
    [
        ack(SUBNET_MASK=b""),
        ack(SUBNET_MASK=packed("255.0.255.0")),
        ack(SUBNET_MASK=packed("0.0.0.255")),
        ack(SUBNET_MASK=packed("0.0.0.0")),
        ack(LEASE_TIME=b""),
        ack(LEASE_TIME=b"\0\0\0\x01"),
        ack(SERVER_ID=b"\0"),
        *(ack(given=given) for given in ("0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255")),
        ack(given="192.0.2.0"),
        ack(given="192.0.2.255"),
        ack(given="240.0.0.1"),
    ],
)
def test_what_no_client_can_have(answer: Message) -> None:
    with pytest.raises(ValueError):
        granted(answer, MAC, 0.0)


@given(st.dictionaries(st.sampled_from(sorted(OPTIONS)), st.binary(max_size=16)), st.integers(0, 2**32 - 1))
def test_whatever_comes_is_a_lease_or_refused(options: dict[int, bytes], given: int) -> None:
    answer = replace(ack(), options=OPTIONS | options, given=IPv4Address(given))
    try:
        found = granted(answer, MAC, 0.0)
    except ValueError:
        return
    assert 0 < found.renews < found.rebinds < found.lasts or found.lasts == FOREVER
    assert "\n" not in found.domain and len(found.name_servers) <= 3


LEASE = granted(ack(), MAC, 1000.0)


@pytest.mark.parametrize(
    ("age", "phase", "wait"),
    [
        (0, Phase.BOUND, 1800),
        (1799, Phase.BOUND, 1),
        (1800, Phase.RENEWING, 675),
        (3100, Phase.RENEWING, 50),
        (3150, Phase.REBINDING, 225),
        (3590, Phase.REBINDING, 10),
        (3600, Phase.EXPIRED, 0),
        (9999, Phase.EXPIRED, 0),
        (-1, Phase.EXPIRED, 1801),
    ],
)
def test_when_it_is_asked_for_again(age: float, phase: Phase, wait: float) -> None:
    assert (LEASE.phase(1000 + age), LEASE.wait(1000 + age)) == (phase, wait)


@given(st.integers(10, 2**32 - 2), st.floats(0, 2**33))
def test_no_wait_goes_beyond_the_end(lasts: int, age: float) -> None:
    lease = replace(LEASE, began=0.0, lasts=lasts, renews=lasts // 2, rebinds=lasts * 7 // 8)
    wait = lease.wait(age)
    assert wait is not None and 0 <= wait <= max(lasts - age, 0)


def test_one_without_an_end() -> None:
    lease = granted(ack(LEASE_TIME=b"\xff\xff\xff\xff"), MAC, 0.0)
    assert (lease.phase(1e12), lease.wait(1e12), lease.left(1e12)) == (Phase.BOUND, None, FOREVER)
