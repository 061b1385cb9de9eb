"""Which programs of the host run inside containers."""

import struct
from pathlib import Path

import pytest

from wharf.runtime.programs import is_static

_LOAD, _INTERPRETER = 1, 3


def elf(*segments: int) -> bytes:
    """The beginning of a 64-bit program with segments of these types."""
    header = struct.pack("<16s2HI3QI6H", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    return header + b"".join(struct.pack("<I52x", kind) for kind in segments)


@pytest.mark.parametrize(
    ("data", "static"),
    [
        (elf(_LOAD), True),
        (elf(), True),
        (elf(_LOAD, _INTERPRETER), False),
        (elf(_LOAD)[:40], False),
        (b"#!/bin/sh\n" * 10, False),
        (b"", False),
    ],
)
def test_a_program_without_an_interpreter_runs_anywhere(tmp_path: Path, data: bytes, static: bool) -> None:
    (tmp_path / "program").write_bytes(data)
    assert is_static(tmp_path / "program") is static
