"""DHCP messages and their frames: what we write we can read, and nothing that comes can hurt."""

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.network.dhcp import frames, message
from wharf.network.dhcp.frames import Station
from wharf.network.dhcp.message import CLIENT_PORT, SERVER_PORT, Kind, Message, decode, encode

addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
special = {0, 255, message.KIND, message.OVERLOAD}
messages = st.builds(
    Message,
    kind=st.sampled_from(Kind),
    transaction=st.integers(0, 2**32 - 1),
    hardware=st.binary(min_size=6, max_size=6),
    is_reply=st.booleans(),
    seconds=st.integers(0, 2**16 - 1),
    broadcast=st.booleans(),
    own=addresses,
    given=addresses,
    options=st.dictionaries(st.integers(1, 254).filter(lambda code: code not in special), st.binary(max_size=600)),
)


@given(messages)
def test_what_we_write_we_can_read(written: Message) -> None:
    assert decode(encode(written)) == written
    assert len(encode(written)) >= 300


@given(st.binary(max_size=700))
def test_noise_is_refused_or_read(noise: bytes) -> None:
    for data in (noise, encode(Message(Kind.ACK, 1, bytes(6), is_reply=True))[:240] + noise):
        try:
            decode(data)
        except ValueError:
            pass


@given(messages, st.data())
def test_a_message_that_is_cut_off_is_no_other(written: Message, data: st.DataObject) -> None:
    whole = encode(written)
    cut = data.draw(st.integers(0, len(whole) - 1))
    try:
        found = decode(whole[:cut])
    except ValueError:
        return
    assert (found.kind, found.transaction, found.given) == (written.kind, written.transaction, written.given)


def test_options_go_on_where_names_would_be() -> None:
    data = bytearray(encode(Message(Kind.ACK, 1, bytes(6), is_reply=True, options={message.OVERLOAD: b"\x03"})))
    data[44 : 44 + 6] = bytes([message.HOST_NAME, 3]) + b"one\xff"
    data[108 : 108 + 9] = bytes([message.DOMAIN_NAME, 3]) + b"lan\xff" + b"xyz"
    assert decode(bytes(data)).options == {message.HOST_NAME: b"one", message.DOMAIN_NAME: b"lan"}


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, b"\x03"), (1, b"\x06"), (2, b"\x10"), (236, b"\0\0\0\0"), (242, b"\x63"), (241, b"\x02")],
    ids=["operation", "hardware", "length", "cookie", "kind", "length of the kind"],
)
def test_what_is_no_message(at: int, value: bytes) -> None:
    data = bytearray(encode(Message(Kind.ACK, 1, bytes(6), is_reply=True)))
    data[at : at + len(value)] = value
    with pytest.raises(ValueError):
        decode(bytes(data))


ME = Station(b"\x02\x42\x00\x00\x00\x01", IPv4Address("192.0.2.9"))
SERVER = Station(b"\x02\x42\x00\x00\x00\x02", IPv4Address("192.0.2.1"))


def turned(frame: bytes) -> bytes:
    """The frame with its ports the other way round, as an answer has them."""
    at = 14 + 20
    assert struct.unpack_from("!HH", frame, at) == (CLIENT_PORT, SERVER_PORT)
    return frame[:at] + struct.pack("!HH", SERVER_PORT, CLIENT_PORT) + frame[at + 4 :]


@given(st.binary(max_size=1400))
def test_frames(payload: bytes) -> None:
    frame = frames.to_server(payload, ME, SERVER)
    assert frames.from_server(turned(frame)) == (ME.mac, payload)
    assert frames.from_server(turned(frame) + bytes(40)) == (ME.mac, payload)  # with what fills a short one
    for cut in {0, 13, 20, 33, 41, len(frame) - 1}:
        with pytest.raises(ValueError):
            frames.from_server(turned(frame)[:cut])


def test_sums_are_right() -> None:
    frame = frames.to_server(b"odd", ME, SERVER)
    ip, udp = frame[14:34], frame[34:]

    def folded(data: bytes) -> int:
        total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        return total

    assert folded(ip) == 0xFFFF
    pseudo = ME.address.packed + SERVER.address.packed + struct.pack("!HH", 17, len(udp))
    assert folded(pseudo + udp + b"\0") == 0xFFFF


@given(st.binary(max_size=120))
def test_noise_is_no_frame(noise: bytes) -> None:
    try:
        frames.from_server(noise)
    except ValueError:
        pass


def test_an_announcement() -> None:
    frame = frames.announcement(ME)
    assert frame[:14] == b"\xff" * 6 + ME.mac + b"\x08\x06"
    assert frame[14:22] == b"\x00\x01\x08\x00\x06\x04\x00\x01"
    assert frame[22:] == ME.mac + ME.address.packed + bytes(6) + ME.address.packed
