"""The framing of bodies, and the buffer they are read from."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.api.body import Body, ChunkedFraming, ClientGone, Framing, LengthFraming
from wharf.errors import InvalidArgument


def fed(framing: Framing, data: bytes, size: int) -> tuple[bytes, bytes]:
    """What a framing finds in data that comes in pieces of `size`: the body, and the rest behind it."""
    body, rest = b"", b""
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        if framing.done:
            rest += piece
            continue
        found, end = framing.feed(piece, 0)
        body += b"".join(found)
        rest += piece[end:]
    return body, rest


@given(st.binary(max_size=30), st.binary(max_size=10), st.integers(1, 50))
def test_a_length_is_exact(body: bytes, rest: bytes, size: int) -> None:
    framing = LengthFraming(len(body))
    assert fed(framing, body + rest, size) == (body, rest)
    assert framing.done


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), st.binary(max_size=10), st.integers(1, 50))
def test_chunks_are_put_together_however_they_are_cut(chunks: list[bytes], rest: bytes, size: int) -> None:
    data = b"".join(b"%x;extension=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    framing = ChunkedFraming()
    assert fed(framing, data + b"0\r\nTrailer: x\r\n\r\n" + rest, size) == (b"".join(chunks), rest)
    assert framing.done


@given(st.binary(max_size=60), st.integers(1, 20))
def test_any_bytes_are_chunks_or_refused(data: bytes, size: int) -> None:
    try:
        fed(ChunkedFraming(), data, size)
    except InvalidArgument:
        pass


@pytest.mark.parametrize("data", [b"1" * 5000, b"0\r\n" + b"a: b\r\n" * 2000, b"0\r\n" + b"a" * 5000])
def test_endless_lines_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument):
        ChunkedFraming().feed(data, 0)


def test_a_body_that_is_cut_says_so_after_what_came() -> None:
    async def scenario() -> None:
        body = Body(LengthFraming(10), wanted=lambda: None, room=lambda: None)
        body.feed(b"abc", 0)
        body.fail(ClientGone())
        assert await body.read() == b"abc"
        with pytest.raises(ClientGone):
            await body.read()

    asyncio.run(scenario())


def test_a_whole_body_cannot_be_cut() -> None:
    async def scenario() -> bytes:
        body = Body(LengthFraming(3), wanted=lambda: None, room=lambda: None)
        body.feed(b"abc", 0)
        body.fail(ClientGone())
        return await body.read_all()

    assert asyncio.run(scenario()) == b"abc"
