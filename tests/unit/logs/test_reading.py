"""Logs as the shim writes them, read by every kind of query."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.logs.entries import LogEntry, LogQuery, format_time
from wharf.logs.reading import read_logs
from wharf.runtime.shim.logfile import Log, LogFile

START = datetime(2026, 1, 1, tzinfo=UTC)


def stored(text: str, number: int = 0, stream: str = "stdout") -> bytes:
    time = format_time(START + timedelta(seconds=number))
    return b'{"log":"%s","stream":"%s","time":"%s"}\n' % (text.encode(), stream.encode(), time.encode())


def numbered(first: int, last: int) -> bytes:
    return b"".join(stored(f"line {n}\\n", n, "stderr" if n % 3 == 0 else "stdout") for n in range(first, last))


def lines(*numbers: int) -> list[bytes]:
    return [b"line %d\n" % number for number in numbers]


async def collected(path: Path | None, query: LogQuery, ended: asyncio.Event | None = None) -> list[LogEntry]:
    return [entry async for batch in read_logs(path, query, ended or asyncio.Event()) for entry in batch]


async def follow(path: Path, ended: asyncio.Event, *, tail: int | None = None) -> "asyncio.Task[list[bytes]]":
    """What comes into a log until its container has ended. It has read what was there when this returns."""
    begun = asyncio.Event()

    async def whole() -> list[bytes]:
        found = []
        async for batch in read_logs(path, LogQuery(follow=True, tail=tail), ended):
            found += [entry.line for entry in batch]
            begun.set()
        return found

    task = asyncio.create_task(whole())
    await begun.wait()
    return task


def read(path: Path | None, query: LogQuery) -> list[bytes]:
    return [entry.line for entry in asyncio.run(collected(path, query))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of 100 lines, in a compressed, a rotated and the current file."""
    (tmp_path / "log.2.gz").write_bytes(gzip.compress(numbered(0, 40)))
    (tmp_path / "log.1").write_bytes(numbered(40, 80))
    (tmp_path / "log").write_bytes(numbered(80, 100))
    return tmp_path / "log"


def test_all_files_are_one_log(path: Path) -> None:
    assert read(path, LogQuery()) == lines(*range(100))


@pytest.mark.parametrize("tail", [0, 1, 5, 20, 21, 60, 61, 99, 100, 1000])
def test_tail_counts_from_the_end(path: Path, tail: int) -> None:
    assert read(path, LogQuery(tail=tail)) == lines(*range(max(0, 100 - tail), 100))


def test_streams_are_chosen(path: Path) -> None:
    assert read(path, LogQuery(stdout=False)) == lines(*range(0, 100, 3))
    assert read(path, LogQuery(stderr=False, tail=3)) == lines(97, 98)


def test_times_are_chosen(path: Path) -> None:
    query = LogQuery(since=START + timedelta(seconds=10), until=START + timedelta(seconds=12))
    assert read(path, query) == lines(10, 11, 12)


def test_no_file_is_an_empty_log(tmp_path: Path) -> None:
    assert read(tmp_path / "log", LogQuery()) == []
    assert read(tmp_path / "log", LogQuery(tail=3)) == []
    assert read(None, LogQuery(follow=True)) == []


def test_torn_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(
        stored("a\\n") + b'{"log":"torn","str\n' + stored("b\\n") + b"\0\0\0\n" + stored("c\\n") + b'{"log":"half'
    )
    assert read(path, LogQuery()) == [b"a\n", b"b\n", b"c\n"]


def test_pieces_of_a_long_line_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    pieces = stored("one ") + stored("err\\n", stream="stderr") + stored("two ", 5) + stored("three\\n", 6)
    path.write_bytes(stored("before\\n") + pieces + stored("no end"))
    assert read(path, LogQuery()) == [b"before\n", b"err\n", b"one two three\n", b"no end"]
    assert read(path, LogQuery(tail=1)) == [b"no end"]


@given(st.lists(st.binary(max_size=60).map(lambda data: data.hex()), max_size=30), st.integers(0, 40), st.booleans())
def test_tail_is_the_end_of_all(texts: list[str], tail: int, large: bool) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "log"
        filling = "x" * 9000 if large else ""
        path.write_bytes(b"".join(stored(filling + text + "\\n") for text in texts))
        whole = read(path, LogQuery())
        assert read(path, LogQuery(tail=tail)) == (whole[-tail:] if tail else [])


def test_follow_sees_what_is_written_and_ends_with_the_container(tmp_path: Path) -> None:
    path = tmp_path / "log"

    async def work() -> list[LogEntry]:
        ended = asyncio.Event()
        reading = asyncio.create_task(collected(path, LogQuery(follow=True), ended))
        with path.open("ab", buffering=0) as file:
            for number in range(50):
                entry = numbered(number, number + 1)
                file.write(entry[:30])
                await asyncio.sleep(0.001)
                file.write(entry[30:])
        ended.set()
        return await asyncio.wait_for(reading, 60)

    assert [entry.line for entry in asyncio.run(work())] == lines(*range(50))


def test_follow_goes_through_rotations(tmp_path: Path) -> None:
    path = tmp_path / "log"

    async def work() -> list[bytes]:
        ended = asyncio.Event()
        path.write_bytes(numbered(0, 10))
        reading = await follow(path, ended, tail=5)
        for turn in range(1, 5):
            with path.open("ab") as file:
                file.write(numbered(10 * turn, 10 * turn + 5))
            # Two rotations at once when nobody looks, as a busy container does.
            for number in range(5, 0, -1):
                if (old := Path(f"{path}.{number}")).exists():
                    old.rename(f"{path}.{number + 1}")
            path.rename(f"{path}.1")
            path.write_bytes(numbered(10 * turn + 5, 10 * turn + 10))
            if turn % 2:
                await asyncio.sleep(0.02)
        ended.set()
        return await asyncio.wait_for(reading, 60)

    assert asyncio.run(work()) == lines(*range(5, 50))


def test_follow_reads_a_file_once_that_is_compressed_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "log"

    async def work() -> list[bytes]:
        ended = asyncio.Event()
        log = Log(LogFile(str(path), max_size=500, max_files=9, compress=True), {})
        log.write(1, b"line 0\n")
        reading = await follow(path, ended)
        for number in range(1, 40):
            log.write(1, b"line %d\n" % number)
            # Several rotations, each compressed, before the reader looks again; then one by one.
            await asyncio.sleep(0.005 if number > 20 else 0)
        log.finish()
        ended.set()
        return await asyncio.wait_for(reading, 60)

    assert asyncio.run(work()) == lines(*range(40))


def test_follow_notices_a_file_that_was_emptied(tmp_path: Path) -> None:
    path = tmp_path / "log"

    async def work() -> list[bytes]:
        ended = asyncio.Event()
        path.write_bytes(numbered(0, 10))
        reading = await follow(path, ended)
        path.write_bytes(numbered(20, 22))
        await asyncio.sleep(0.05)
        ended.set()
        return await asyncio.wait_for(reading, 60)

    assert asyncio.run(work()) == lines(*range(10), 20, 21)


def test_follow_ends_at_until(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(numbered(0, 3))
    query = LogQuery(follow=True, until=datetime.now(UTC) + timedelta(seconds=0.2))
    found = asyncio.run(asyncio.wait_for(collected(path, query), 60))
    assert [entry.line for entry in found] == lines(0, 1, 2)
