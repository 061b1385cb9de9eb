"""Streams without a server."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from wharf.api.streams import progress_pieces, serve_attachment
from wharf.apitypes.jsonmessage import Progress, Report
from wharf.errors import Conflict


def test_a_slow_reader_neither_stalls_the_work_nor_piles_up_lines() -> None:
    async def work(report: Report) -> None:
        report(Progress(status="Pulling", id="x"))
        await asyncio.sleep(0.01)
        for done in range(100_000):
            report(Progress(status="Downloading", id=f"layer {done % 3}", current=done, total=100_000))

    async def scenario() -> None:
        pieces = progress_pieces(work)
        assert json.loads(await anext(pieces))["status"] == "Pulling"
        await asyncio.sleep(0.2)  # the reader does something else, and the work ends meanwhile
        rest = b"".join([piece async for piece in pieces]).splitlines()
        assert [json.loads(line)["progressDetail"]["current"] for line in rest] == [99_999, 99_997, 99_998]

    asyncio.run(scenario())


def test_a_reader_that_leaves_cancels_the_work_and_waits_for_its_end() -> None:
    ended = []

    async def work(report: Report) -> None:
        report(Progress(status="Pulling"))
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    async def scenario() -> None:
        pieces = cast(AsyncGenerator[bytes, None], progress_pieces(work))
        await anext(pieces)
        await pieces.aclose()
        assert ended

    asyncio.run(scenario())


def test_work_that_fails_without_a_word_raises() -> None:
    async def work(report: Report) -> None:
        await asyncio.sleep(0)
        raise Conflict("no")

    async def scenario() -> None:
        with pytest.raises(Conflict):
            [piece async for piece in progress_pieces(work) if piece]

    asyncio.run(scenario())


class Terminal:
    """A client that types, and then waits."""

    def __init__(self, *typed: bytes) -> None:
        self._typed = list(typed)
        self.seen = b""

    async def read(self) -> bytes:
        if self._typed:
            return self._typed.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def write(self, data: bytes) -> None:
        self.seen += data


class Shell:
    """A container with a TTY that prints something and reads all; it never ends by itself."""

    tty = True

    def __init__(self, *output: bytes, ends: bool) -> None:
        self._output = list(output)
        self._ends = ends
        self.got = b""
        self.left = False
        self.closed = False

    async def read(self) -> bytes:
        if self._output:
            return self._output.pop(0)
        if not self._ends:
            await asyncio.Event().wait()
        return b""

    async def write(self, data: bytes) -> None:
        self.got += data

    async def end_stdin(self) -> None:
        raise AssertionError("the client did not end its input")

    def detached(self) -> None:
        assert not self.closed
        self.left = True

    def close(self) -> None:
        self.closed = True


def test_the_end_of_the_output_ends_an_attachment() -> None:
    async def scenario() -> None:
        client, shell = Terminal(), Shell(b"a", b"b", ends=True)
        await asyncio.wait_for(serve_attachment(client, shell, b"\x10\x11"), 60)
        assert client.seen == b"ab" and shell.closed and not shell.left

    asyncio.run(scenario())


def test_detach_keys_leave_the_container_alone() -> None:
    async def scenario() -> None:
        client, shell = Terminal(b"ls\x10", b"x\x10", b"\x11rest"), Shell(ends=False)
        await asyncio.wait_for(serve_attachment(client, shell, b"\x10\x11"), 60)
        assert shell.got == b"ls\x10x" and shell.closed and shell.left

    asyncio.run(scenario())


def test_a_cancelled_attachment_is_closed() -> None:
    async def scenario() -> None:
        shell = Shell(ends=False)
        task = asyncio.create_task(serve_attachment(Terminal(), shell, b"\x10\x11"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert shell.closed

    asyncio.run(scenario())
