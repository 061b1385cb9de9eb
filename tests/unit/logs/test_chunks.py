"""The local driver's files: what the shim writes, the daemon reads, byte for byte, whole or cut off anywhere."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.logs.entries import LogEntry, LogQuery
from wharf.logs.formats import CHUNKS, JSON_LINES, Format
from wharf.logs.reading import read_logs
from wharf.runtime.shim import chunks
from wharf.runtime.shim.encoder import LONGEST_LINE
from wharf.runtime.shim.logfile import Log, LogFile

written = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.binary(max_size=30) | st.sampled_from([b"\n", b"a\n", b"z" * 20_000])),
    max_size=30,
)


def chunk_log(path: Path, *, max_size: int = 0, max_files: int = 1, compress: bool = False) -> chunks.ChunkLog:
    file = LogFile(str(path), max_size=max_size, max_files=max_files, compress=compress, cut=chunks.cut)
    return chunks.ChunkLog(file, max_size)


def read(path: Path, query: LogQuery = LogQuery(), format: Format = CHUNKS) -> list[LogEntry]:  # noqa: B008
    async def work() -> list[LogEntry]:
        return [entry async for batch in read_logs(path, query, asyncio.Event(), format) for entry in batch]

    return asyncio.run(work())


def fill(log: Log, pieces: list[tuple[int, bytes]]) -> None:
    for stream, data in pieces:
        log.write(stream, data)
    log.finish()


@given(written, st.sampled_from([0, 500, 40_000]), st.booleans(), st.integers(0, 40))
def test_all_bytes_come_back_in_whole_and_from_the_end(
    pieces: list[tuple[int, bytes]], max_size: int, compress: bool, tail: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "log"
        fill(chunk_log(path, max_size=max_size, max_files=900, compress=compress and max_size > 500), pieces)
        whole = read(path)
        for stream, name in ((1, "stdout"), (2, "stderr")):
            found = b"".join(entry.line for entry in whole if entry.stream == name)
            assert found == b"".join(data for number, data in pieces if number == stream)
        last = read(path, LogQuery(tail=tail))
        # Of a line in pieces, with lines of the other stream between them, the end alone may be shown.
        if all(len(entry.line) < LONGEST_LINE for entry in whole):
            assert [entry.line for entry in last] == [entry.line for entry in whole[len(whole) - len(last) :]]
        # Each piece of a line that has no end yet is shown, however few lines are asked for.
        if all(entry.line.endswith(b"\n") for entry in whole):
            assert len(last) == min(tail, len(whole))


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.text(max_size=20).map(str.encode)), max_size=20))
def test_text_reads_as_from_a_json_file(pieces: list[tuple[int, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        ours, json = Path(directory) / "ours", Path(directory) / "json"
        fill(chunk_log(ours), pieces)
        fill(Log(LogFile(str(json)), {}), pieces)
        texts = [[(entry.stream, entry.line) for entry in read(json, format=JSON_LINES)]]
        assert [[(entry.stream, entry.line) for entry in read(ours)]] == texts


def test_files_are_rotated_in_time_however_much_is_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    fill(chunk_log(path, max_size=1000, max_files=1000), [(1, b"".join(b"line %d\n" % n for n in range(2000)))])
    files = list(tmp_path.iterdir())
    assert len(files) > 10 and all(file.stat().st_size <= 1000 for file in files)
    assert [entry.line for entry in read(path)] == [b"line %d\n" % number for number in range(2000)]


def test_a_file_that_a_crash_has_cut_off_goes_on_after_its_last_whole_chunk(tmp_path: Path) -> None:
    path = tmp_path / "log"
    fill(chunk_log(path), [(1, b"one\n"), (2, b"two\n"), (1, b"three")])
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        before = [entry.line for entry in read(path)]
        assert before == [b"one\n", b"two\n", b"three"][: len(before)]
        chunks.repair(str(path))
        fill(chunk_log(path), [(1, b"next\n")])
        assert [entry.line for entry in read(path)] == [*before, b"next\n"]
        assert [entry.line for entry in read(path, LogQuery(tail=1))] == [b"next\n"]


@pytest.mark.parametrize("damage", [b"\0" * 40, b"\xffWL\x01" + b"\xff" * 60, b"x" * 100_000])
def test_damage_is_not_shown_and_harms_nothing(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "log"
    fill(chunk_log(path), [(1, b"one\n")])
    path.write_bytes(path.read_bytes() + damage)
    assert [entry.line for entry in read(path)] == [b"one\n"]
    assert CHUNKS.parse(path.read_bytes())[1] == b"", "what cannot be read is not kept for later"
    read(path, LogQuery(tail=1))
    chunks.repair(str(path))
    assert [entry.line for entry in read(path, LogQuery(tail=1))] == [b"one\n"]


def test_what_comes_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "log"

    async def work() -> list[bytes]:
        ended = asyncio.Event()
        log = chunk_log(path, max_size=300, max_files=5)
        log.write(1, b"before\n")
        found: list[bytes] = []
        begun = asyncio.Event()

        async def follow() -> None:
            async for batch in read_logs(path, LogQuery(follow=True, tail=1), ended, CHUNKS):
                found.extend(entry.line for entry in batch)
                begun.set()

        following = asyncio.create_task(follow())
        await begun.wait()
        for number in range(40):
            log.write(1 + number % 2, b"line %d\n" % number)
            await asyncio.sleep(0.002)
        log.finish()
        ended.set()
        await asyncio.wait_for(following, 60)
        return found

    assert asyncio.run(work()) == [b"before\n", *(b"line %d\n" % number for number in range(40))]
