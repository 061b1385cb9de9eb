"""Unpacks a layer in a confined child, while the caller's thread feeds it."""

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

import wharf
from wharf.errors import EngineError, InvalidArgument
from wharf.snapshots.extraction import Limits, Unpacked

_PIPE_SIZE: Final = 1 << 20
_SOURCES: Final = str(Path(wharf.__file__).parent.parent)
_PROGRAM: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from wharf.snapshots.unpack_child import main; main()"
)


def unpack(directory: Path, chunks: Iterable[bytes], limits: Limits) -> Unpacked:
    """Writes the tar archive below `directory`. Blocks: call it in a thread.

    Whatever `chunks` raises ends the child and is passed on. Raises InvalidArgument when the layer is damaged or
    refused, and EngineError when the machine fails, for example by a full disk. What was written then stays.
    """
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM, _SOURCES, str(directory), json.dumps(asdict(limits))]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert child.stdin is not None and child.stdout is not None
    try:
        with suppress(OSError):  # the limit of an unprivileged user; only speed is lost
            fcntl.fcntl(child.stdin, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        try:
            for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    view = view[child.stdin.write(view) :]
            child.stdin.close()
        except BrokenPipeError:
            pass  # the child gave up; its answer says why
        answer = child.stdout.read()
    except BaseException:
        child.kill()
        raise
    finally:
        with suppress(BrokenPipeError):
            child.stdin.close()
        child.stdout.close()
        code = child.wait()
    return _understand(answer, code)


def _understand(answer: bytes, code: int) -> Unpacked:
    if not answer:
        raise EngineError(f"the process that unpacks layers ended early (code {code})")
    result = json.loads(answer)
    if "error" not in result:
        return Unpacked(
            entries=result["entries"],
            size=result["size"],
            implied=[path.encode("latin-1") for path in result["implied"]],
        )
    text = f"failed to register layer: {result['error']}"
    if result["kind"] == "system":
        raise EngineError(text)
    raise InvalidArgument(text)
