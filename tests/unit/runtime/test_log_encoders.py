"""What goes over the wire, byte for byte as dockerd 28.5 sends it, and for any bytes what a receiver reads back."""

import json
import re
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.runtime.shim.encoder import LONGEST_LINE
from wharf.runtime.shim.remote import msgpack
from wharf.runtime.shim.remote.fluentd import FluentdEncoder
from wharf.runtime.shim.remote.gelf import GelfEncoder, chunks
from wharf.runtime.shim.remote.journald import JournalEncoder
from wharf.runtime.shim.remote.messages import Message, Splitter
from wharf.runtime.shim.remote.syslog import SyslogEncoder

MOMENT = 1_795_699_715_173_815_006  # 2026-11-26T13:28:35.173815006Z
NAME = "d018d2ed7dfc"


@pytest.fixture(params=["UTC", "XXX-03:30"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Local time: POSIX writes east as minus."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("form", "in_utc", "elsewhere"),
    [
        ("", b"<30>Nov 26 13:28:35 %s[7]: one\n", b"<30>Nov 26 16:58:35 %s[7]: one\n"),
        ("rfc3164", b"<30>Nov 26 13:28:35 vm %s[7]: one\n", b"<30>Nov 26 16:58:35 vm %s[7]: one\n"),
        (
            "rfc5424",
            b"<30>1 2026-11-26T13:28:35Z vm %s 7 %s - one\n",
            b"<30>1 2026-11-26T16:58:35+03:30 vm %s 7 %s - one\n",
        ),
        (
            "rfc5424micro",
            b"<30>1 2026-11-26T13:28:35.173815Z vm %s 7 %s - one\n",
            b"<30>1 2026-11-26T16:58:35.173815+03:30 vm %s 7 %s - one\n",
        ),
    ],
)
def test_syslog(zone: str, form: str, in_utc: bytes, elsewhere: bytes) -> None:
    encoder = SyslogEncoder({"format": form, "facility": 3, "tag": NAME, "hostname": "vm", "counted": False}, 7)
    expected = (in_utc if zone == "UTC" else elsewhere).replace(b"%s", NAME.encode())
    assert encoder.encode(Message(1, b"one", MOMENT)) == [expected]
    assert encoder.encode(Message(2, b"one", MOMENT)) == [expected.replace(b"<30>", b"<27>")]
    assert encoder.encode(Message(1, b"", MOMENT)) == []


def test_syslog_counts_its_bytes_over_tls() -> None:
    settings = {"format": "rfc5424", "facility": 0, "tag": "t", "hostname": "h", "counted": True}
    (frame,) = SyslogEncoder(settings, 1).encode(Message(1, b"a\xff", MOMENT))
    count, _, rest = frame.partition(b" ")
    assert int(count) == len(rest) and rest.endswith(b" - a\xff\n")


def read_journal(data: bytes) -> dict[str, bytes]:
    """What journald makes of a datagram."""
    found = {}
    while data:
        name, mark, rest = re.fullmatch(rb"([A-Z0-9_]+)([=\n])(.*)", data, re.DOTALL).groups()  # type: ignore[union-attr]
        if mark == b"=":
            value, _, data = rest.partition(b"\n")
        else:
            size = int.from_bytes(rest[:8], "little")
            value, data = rest[8 : 8 + size], rest[8 + size + 1 :]
        found[name.decode()] = value
    return found


@given(st.binary(max_size=50), st.text(max_size=20))
def test_journald_reads_what_was_written(line: bytes, tag: str) -> None:
    encoder = JournalEncoder({"fields": {"CONTAINER_TAG": tag}}, "e")
    (frame,) = encoder.encode(Message(2, line, MOMENT, ("id", 2, True)))
    assert read_journal(frame) == {
        "PRIORITY": b"3",
        "MESSAGE": line,
        "CONTAINER_TAG": tag.encode(),
        "CONTAINER_LOG_EPOCH": b"e",
        "CONTAINER_LOG_ORDINAL": b"1",
        "SYSLOG_TIMESTAMP": b"2026-11-26T13:28:35.173815006Z",
        "CONTAINER_PARTIAL_ID": b"id",
        "CONTAINER_PARTIAL_ORDINAL": b"2",
        "CONTAINER_PARTIAL_LAST": b"true",
    }


def test_journald_byte_for_byte() -> None:
    encoder = JournalEncoder({"fields": {"CONTAINER_ID": NAME}}, "e")
    (frame,) = encoder.encode(Message(1, b"one", MOMENT))
    assert frame == (
        b"PRIORITY=6\nMESSAGE=one\nCONTAINER_ID=d018d2ed7dfc\nCONTAINER_LOG_EPOCH=e\nCONTAINER_LOG_ORDINAL=1\n"
        b"SYSLOG_TIMESTAMP=2026-11-26T13:28:35.173815006Z\n"
    )
    (frame,) = encoder.encode(Message(1, b"two\nlines", MOMENT, ("id", 1, False)))
    assert b"MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\n" in frame and b"CONTAINER_PARTIAL_MESSAGE=true\n" in frame


def gelf(**changes: Any) -> GelfEncoder:
    settings = {"hostname": "vm", "fields": {"_E1": 'a"b'}, "datagrams": True, "compression": "none", "level": 1}
    return GelfEncoder(settings | changes)


def test_gelf_byte_for_byte() -> None:
    (frame,) = gelf(datagrams=False).encode(Message(2, b'two "q" \xc3\xa4\xff<', MOMENT))
    assert frame == (
        b'{"version":"1.1","host":"vm","short_message":"two \\"q\\" \xc3\xa4\\ufffd\\u003c",'
        b'"timestamp":1795699715.173,"level":3,"_E1":"a\\"b"}\0'
    )
    assert gelf().encode(Message(1, b"", MOMENT)) == []


lines = st.binary(min_size=1, max_size=5000).filter(lambda line: b"\n" not in line)


@given(lines, st.sampled_from(["gzip", "zlib", "none"]), st.integers(-1, 9))
def test_gelf_comes_together_again(line: bytes, compression: str, level: int) -> None:
    frames = gelf(compression=compression, level=level).encode(Message(1, line, MOMENT))
    data = frames[0]
    if len(frames) > 1:
        assert {frame[:10] for frame in frames} == {frames[0][:10]} and all(len(frame) <= 1420 for frame in frames)
        assert [tuple(frame[10:12]) for frame in frames] == [(number, len(frames)) for number in range(len(frames))]
        data = b"".join(frame[12:] for frame in frames)
    if compression != "none":
        data = zlib.decompress(data, 47)
    assert len(json.loads(data)["short_message"]) <= len(line)


def test_gelf_has_no_more_than_128_chunks() -> None:
    assert len(chunks(bytes(1408 * 128), b"12345678")) == 128
    assert chunks(bytes(1408 * 128 + 1), b"12345678") == []
    assert chunks(bytes(1420), b"12345678") == [bytes(1420)]


def unpack(data: bytes, at: int = 0) -> tuple[Any, int]:
    """Enough of MessagePack, from its specification, to read a record."""
    kind = data[at]
    if kind < 0x80:
        return kind, at + 1
    if 0xA0 <= kind < 0xC0 or 0xD9 <= kind <= 0xDB:
        width = 0 if kind < 0xC0 else 1 << (kind - 0xD9)
        size = kind & 0x1F if kind < 0xC0 else int.from_bytes(data[at + 1 : at + 1 + width], "big")
        start = at + 1 + width
        return data[start : start + size], start + size
    if kind == 0xCE:
        return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
    if kind == 0xD7:
        seconds, rest = data[at + 2 : at + 6], data[at + 6 : at + 10]
        return (int.from_bytes(seconds, "big"), int.from_bytes(rest, "big")), at + 10
    if 0x90 <= kind < 0xA0:
        items, at = [], at + 1
        for _ in range(kind & 0x0F):
            item, at = unpack(data, at)
            items.append(item)
        return items, at
    assert 0x80 <= kind < 0x90 or kind == 0xDE, hex(kind)
    count, at = (kind & 0x0F, at + 1) if kind < 0x90 else (int.from_bytes(data[at + 1 : at + 3], "big"), at + 3)
    found = {}
    for _ in range(count):
        name, at = unpack(data, at)
        found[name], at = unpack(data, at)
    return found, at


names = st.text(min_size=1, max_size=5).filter(lambda name: name not in ("log", "source"))


@given(
    st.binary(max_size=300) | st.just(b"x" * 70_000),
    st.dictionaries(names, st.text(max_size=40), max_size=20),
    st.booleans(),
    st.booleans(),
)
def test_fluentd_reads_what_was_written(line: bytes, fields: dict[str, str], precise: bool, receipts: bool) -> None:
    encoder = FluentdEncoder({"tag": "t", "fields": fields, "precise": precise, "receipts": receipts})
    (frame,) = encoder.encode(Message(1, line, MOMENT))
    (tag, moment, record, option), end = unpack(frame)
    assert end == len(frame) and tag == b"t"
    assert moment == (divmod(MOMENT, 10**9) if precise else MOMENT // 10**9)
    assert record == {name.encode(): value.encode() for name, value in fields.items()} | {
        b"source": b"stdout",
        b"log": line,
    }
    assert (option == {}) is not receipts
    if receipts:
        assert encoder.is_receipt(b"\x81\xa3ack" + msgpack.text(option[b"chunk"]))
        assert not encoder.is_receipt(b"\x81\xa3ack\xa3abc")


def test_fluentd_byte_for_byte() -> None:
    encoder = FluentdEncoder({"tag": NAME, "fields": {"E1": "v"}, "precise": True, "receipts": False})
    (frame,) = encoder.encode(Message(2, b"err", MOMENT))
    assert frame == (
        b"\x94\xacd018d2ed7dfc\xd7\x00k\x084\x03\x0a\x5c\x34\xde\x83\xa2E1\xa1v\xa6source\xa6stderr\xa3log\xa3err\x80"
    )
    (frame,) = encoder.encode(Message(1, b"x", MOMENT, ("id", 2, True)))
    assert unpack(frame)[0][2] == {
        b"E1": b"v",
        b"source": b"stdout",
        b"log": b"x",
        b"partial_message": b"true",
        b"partial_id": b"id",
        b"partial_ordinal": b"2",
        b"partial_last": b"true",
    }


pieces = st.lists(st.one_of(st.binary(max_size=40), st.just(b"\n"), st.just(b"y" * 9000)), max_size=12)


@given(pieces)
def test_messages_hold_all_bytes_in_their_order(chunks: list[bytes]) -> None:
    splitter = Splitter(1, lambda: "id")
    found = [message for number, chunk in enumerate(chunks) for message in splitter.feed(chunk, number)]
    found += splitter.finish(99)
    text = b""
    open_pieces = 0
    for message in found:
        assert len(message.line) <= LONGEST_LINE
        text += message.line
        if message.partial is None:
            assert open_pieces == 0
            text += b"\n"
            continue
        open_pieces += 1
        assert message.partial[1] == open_pieces
        if message.partial[2]:
            text += b"\n"
            open_pieces = 0
    assert text == b"".join(chunks)


def test_all_pieces_of_a_line_have_its_time_and_id() -> None:
    ids = iter("ab")
    splitter = Splitter(1, lambda: next(ids))
    first = splitter.feed(b"x" * 20_000, 1)
    second = splitter.feed(b"x" * 20_000 + b"\nnext\n" + b"rest", 2)
    assert [(message.time, message.partial) for message in first + second] == [
        (1, ("a", 1, False)),
        (1, ("a", 2, False)),
        (1, ("a", 3, True)),
        (2, None),
    ]
    (last,) = splitter.finish(3)
    assert (last.line, last.time, last.partial) == (b"rest", 3, ("b", 1, False))
