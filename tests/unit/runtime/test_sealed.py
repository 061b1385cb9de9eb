"""The copies of OCI runtimes that nobody can write to."""

import os
from pathlib import Path

from wharf.runtime.sealed import SealedPrograms


def test_a_copy_stays_with_who_has_it_when_the_program_is_replaced(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    program, sealed = tmp_path / "crun", SealedPrograms()
    held = []
    for content in (b"old", b"replaced"):
        program.write_bytes(content)
        found = sealed.descriptor(str(program))
        assert found is not None
        held.append(found)
    assert [os.pread(fd, 99, 0) for fd in held] == [b"old", b"replaced"]
    sealed.close()
    for fd in held:
        os.close(fd)
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
