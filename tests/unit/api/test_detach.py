"""The keys that detach."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.api.detach import DEFAULT_KEYS, DetachFilter, parse_keys
from wharf.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", DEFAULT_KEYS),
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("ctrl-a,a,b", b"\x01ab"),
        ("ctrl-@", b"\x00"),
        ("ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\x1b\x1c\x1d\x1e\x1f"),
        ("q", b"q"),
    ],
)
def test_keys(text: str, keys: bytes) -> None:
    assert parse_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-A", "ctrl-ab", "ab", ",", "é", "ctrl-1"])
def test_no_keys(text: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid detach keys"):
        parse_keys(text)


few = st.binary(max_size=12).map(lambda data: bytes(b % 3 + ord("a") for b in data))


@given(st.lists(few, max_size=6), few.filter(bool))
def test_all_that_comes_before_the_keys_arrives_however_it_is_cut(pieces: list[bytes], keys: bytes) -> None:
    watch = DetachFilter(keys)
    got = b"".join(watch.feed(piece) for piece in pieces)
    typed = b"".join(pieces)
    assert watch.detached == (keys in typed)
    assert got + watch.end() == typed.split(keys, 1)[0]


@given(few, few.filter(bool))
def test_nothing_is_held_that_cannot_begin_the_keys(typed: bytes, keys: bytes) -> None:
    watch = DetachFilter(keys)
    got = watch.feed(typed)
    if not watch.detached:
        held = typed[len(got) :]
        assert keys.startswith(held) and len(held) < len(keys)
