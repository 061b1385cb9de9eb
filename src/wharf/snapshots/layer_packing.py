"""What a container changed, as the tar archive of a layer, written by a confined child."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from wharf.snapshots.changes import Difference, Kind
from wharf.snapshots.views import View, command, describe, understand

_PIECE: Final = 1 << 18


def packed_layer(directory: Path, difference: Difference | None = None, *, whole: bool = False) -> Iterator[bytes]:
    """What is in a directory, as an OCI layer. Blocks: iterate it in a thread.

    With what `difference` found in a container's writable directory, only its changes: that directory is the upper one
    of an overlay, or (`whole`) all that the container sees. Raises EngineError. Closing the iterator ends the child.
    """
    difference = difference or Difference()
    left_out = [path.removeprefix("/") for path in difference.hidden]
    work = {**describe(View(), "layer"), "directory": str(directory), "left_out": left_out, "selected": whole}
    with _selection(difference) if whole else Path(os.devnull).open("rb") as selection:
        child = subprocess.Popen(
            command(work), stdin=selection, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
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


def _selection(difference: Difference) -> IO[bytes]:
    """A file that names what belongs to the layer: `+path` is written, `-path` is deleted by it, each before a NUL.

    A file, because a command line has an end, and names may be many.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    for path, kind in difference.ordered():
        file.write((b"-" if kind is Kind.DELETED else b"+") + os.fsencode(path.removeprefix("/")) + b"\0")
    file.seek(0)
    return file
