"""Archives on their way to the disk."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from wharf.engine.images.archive import spool


def test_every_byte_is_written_in_its_order(tmp_path: Path) -> None:
    pieces = [bytes([number % 251]) * (number * 997) for number in range(120)]

    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    size = asyncio.run(spool(stream(), tmp_path / "file"))
    assert (tmp_path / "file").read_bytes() == b"".join(pieces)
    assert size == sum(map(len, pieces))


def test_an_empty_stream_makes_an_empty_file(tmp_path: Path) -> None:
    async def stream() -> AsyncIterator[bytes]:
        return
        yield b""

    assert asyncio.run(spool(stream(), tmp_path / "file")) == 0
    assert (tmp_path / "file").read_bytes() == b""
