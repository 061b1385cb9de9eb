"""What a container changed, as the tar archive of a layer, written by a confined child."""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from wharf.snapshots.views import View, command, describe, understand

_PIECE: Final = 1 << 18


def packed_layer(directory: Path, left_out: Sequence[str] = ()) -> Iterator[bytes]:
    """The upper directory of an overlay as an OCI layer, without these paths. Blocks: iterate it in a thread.

    Raises EngineError. Closing the iterator ends the child.
    """
    work = {**describe(View(), "layer"), "directory": str(directory), "left_out": list(left_out)}
    child = subprocess.Popen(
        command(work), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert child.stdout is not None and child.stderr is not None
    try:
        while data := child.stdout.read(_PIECE):
            yield data
        for line in child.stderr.read().splitlines() or [b""]:
            understand(line, child.poll())
    finally:
        child.kill()
        child.stdout.close()
        child.stderr.close()
        child.wait()
