import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.stdcopy import frame
from wharf.engine.plugins.saying import Lines, relay


@given(st.lists(st.binary(max_size=20)))
def test_lines_are_whole_however_their_bytes_come(pieces: list[bytes]) -> None:
    lines = Lines()
    found = [line for piece in pieces for line in lines.feed(piece)] + lines.end()
    text = b"".join(pieces)
    assert found == [line.decode(errors="replace") for line in text.split(b"\n") if line.strip()]


def test_a_line_without_end_comes_in_pieces() -> None:
    lines = Lines()
    assert "".join(lines.feed(b"x" * 100_000)) == "x" * 100_000
    assert lines.end() == []


class Output:
    """An AttachStream that ends after its pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = [*pieces, b""]
        self.closed = False

    async def read(self) -> bytes:
        return self.pieces.pop(0)

    async def write(self, data: bytes) -> None:
        raise AssertionError

    async def end_stdin(self) -> None:
        raise AssertionError

    def close(self) -> None:
        self.closed = True


def test_each_stream_has_its_level(caplog: pytest.LogCaptureFixture) -> None:
    output = Output(frame("stdout", b"one\ntw"), frame("stderr", b"%s bad\n") + frame("stdout", b"o"))
    with caplog.at_level(logging.INFO):
        asyncio.run(relay(output, "id"))
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [("INFO", "one"), ("ERROR", "%s bad"), ("INFO", "two")]
    assert output.closed
