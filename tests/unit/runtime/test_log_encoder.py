"""The json-file encoder against json itself, for any bytes in any pieces."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.runtime.shim.encoder import LONGEST_LINE, LineEncoder

TIME = b"2026-01-02T03:04:05.000000006Z"
awkward = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [b"\n", b'"', b"\\", b"\\n", b"<&>", b"?", b"\x01", b"\xff", b"\xe2\x80\xa8", b"\xe2\x82", b"x" * 9000]
    ),
)


def go_text(data: bytes) -> str:
    """What Docker stores: each byte that is not part of UTF-8 becomes one U+FFFD."""
    text = data.decode("utf-8", "surrogateescape")
    return "".join("�" if "\udc80" <= char <= "\udcff" else char for char in text)


def expected(data: bytes) -> list[str]:
    found = []
    for line in data.split(b"\n"):
        while len(line) >= LONGEST_LINE:
            found.append(go_text(line[:LONGEST_LINE]))
            line = line[LONGEST_LINE:]
        found.append(go_text(line) + "\n")
    last = found.pop()[:-1]
    return [*found, last] if last else found


def encoded(pieces: Sequence[bytes]) -> bytes:
    encoder = LineEncoder("stdout", {})
    return b"".join(encoder.feed(piece, TIME) for piece in pieces if piece) + encoder.finish(TIME)


@given(st.lists(awkward, max_size=12))
def test_json_reads_back_what_was_written(pieces: list[bytes]) -> None:
    entries = [json.loads(line) for line in encoded(pieces).splitlines()]
    assert [entry["log"] for entry in entries] == expected(b"".join(pieces))
    assert all(entry["stream"] == "stdout" and entry["time"] == TIME.decode() for entry in entries)


@given(st.lists(awkward, max_size=12), st.integers(min_value=1, max_value=50))
def test_the_pieces_do_not_matter(pieces: list[bytes], size: int) -> None:
    whole = b"".join(pieces)
    assert encoded(pieces) == encoded([whole[at : at + size] for at in range(0, len(whole), size)])


@given(st.binary(max_size=9000))
def test_much_binary_data_is_escaped_as_little_is(data: bytes) -> None:
    entries = [json.loads(line) for line in encoded([data * 3]).splitlines()]
    assert [entry["log"] for entry in entries] == expected(data * 3)


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        (b"plain\n", rb"plain\n"),
        (b'say "a\\b"\n', rb"say \"a\\b\"\n"),
        (b"a\tb\rc\x1b[0m\x7f\n", b"a\\u0009b\\rc\\u001b[0m\x7f\\n"),
        (b"<a&b>\n", rb"\u003ca\u0026b\u003e\n"),
        ("ü€😀\n".encode(), "ü€😀\\n".encode()),
        (b"\xff?\xfe\n", rb"\ufffd?\ufffd\n"),
        ("a\u2028b\n".encode(), rb"a\u2028b\n"),
        (b"no newline", b"no newline"),
    ],
)
def test_the_text_is_that_of_docker(line: bytes, stored: bytes) -> None:
    assert encoded([line]) == b'{"log":"%s","stream":"stdout","time":"%s"}\n' % (stored, TIME)


def test_attributes_stand_between_stream_and_time() -> None:
    encoder = LineEncoder("stderr", {"tag": 'a"b'})
    entry = encoder.feed(b"x\n", TIME)
    assert entry == b'{"log":"x\\n","stream":"stderr","attrs":{"tag":"a\\"b"},"time":"%s"}\n' % TIME


@pytest.mark.parametrize("size", [LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1, 3 * LONGEST_LINE])
def test_long_lines_are_cut(size: int) -> None:
    logs = [json.loads(line)["log"] for line in encoded([b"y" * size + b"\n"]).splitlines()]
    assert "".join(logs) == "y" * size + "\n"
    assert all(len(log) == LONGEST_LINE for log in logs[:-1])
    assert len(logs) == size // LONGEST_LINE + 1
