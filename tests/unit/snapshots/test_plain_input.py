import bz2
import gzip
import lzma
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.snapshots.plain_input import KINDS, PlainInput
from wharf.snapshots.tarstream import DamagedArchive

PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


def source_of(data: bytes, step: int) -> Callable[[int], bytes]:
    """Gives `step` bytes at most, as a pipe may."""
    rest = [data]

    def read(count: int) -> bytes:
        piece, rest[0] = rest[0][: min(step, count)], rest[0][min(step, count) :]
        return piece

    return read


def all_of(packed: bytes, kind: str, step: int, count: int = 1000) -> bytes:
    reader = PlainInput(source_of(packed, step), kind)
    found = b""
    while piece := reader.read(count):
        assert len(piece) <= count
        found += piece
    assert reader.read(count) == b""
    return found


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=5000), st.integers(min_value=1, max_value=300), st.booleans())
def test_what_was_packed_is_read_however_it_comes(kind: str, data: bytes, step: int, twice: bool) -> None:
    packed = PACK[kind](data)
    if twice:
        # Files joined end to end, and padded as a tape pads them.
        packed, data = packed + packed + bytes(512), data + data
    assert all_of(packed, kind, step) == data


@given(st.binary(max_size=500), st.integers(min_value=1, max_value=100))
def test_what_is_not_packed_stays(data: bytes, step: int) -> None:
    assert all_of(data, "", step) == data


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_cut_or_broken(kind: str) -> None:
    packed = PACK[kind](bytes(range(256)) * 40)
    for damaged in (packed[:-9], packed[:40] + bytes(20) + packed[60:]):
        with pytest.raises(DamagedArchive):
            all_of(damaged, kind, 100)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_bomb_comes_in_small_pieces(kind: str) -> None:
    reader = PlainInput(source_of(PACK[kind](bytes(50_000_000)), 1 << 16), kind)
    assert len(reader.read(4096)) <= 4096
