"""Frames of output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.stdcopy import Deframer, frame

frames = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=20)), max_size=6)


def test_a_frame_is_as_docker_writes_it() -> None:
    assert frame("stderr", b"hi") == b"\x02\x00\x00\x00\x00\x00\x00\x02hi"


@given(frames, st.integers(1, 9))
def test_frames_survive_any_cut(wanted: list[tuple[str, bytes]], size: int) -> None:
    data = b"".join(frame(stream, payload) for stream, payload in wanted)
    deframer = Deframer()
    got = [one for at in range(0, len(data), size) for one in deframer.feed(data[at : at + size])]
    assert got == wanted and not deframer.incomplete


def test_what_is_no_frame_is_told() -> None:
    with pytest.raises(ValueError, match="not a frame"):
        list(Deframer().feed(b"plain text of a terminal"))
