"""`wharf load`."""

import os
import stat

from wharf.cli.command import Call, Command
from wharf.cli.errors import Exit
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import out
from wharf.cli.render.progress import follow
from wharf.cli.terminal import size_of
from wharf.client import images
from wharf.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PIECE = 1 << 20


def read_pieces(descriptor: int) -> "Iterator[bytes]":
    while piece := os.read(descriptor, PIECE):
        yield piece


def open_input(path: str) -> int:
    """A descriptor; the caller closes it. Raises EngineError, in docker's words."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise EngineError(f"open {path}: {(error.strerror or '').lower()}") from None
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise EngineError(f"read {path}: is a directory")
    return descriptor


def send(call: Call, archive: "Iterable[bytes]", *, quiet: bool) -> None:
    """Load an archive and show what the daemon says."""
    answer = images.open_load(call.client, archive, quiet=quiet or size_of(1) is None)
    if "json" in answer.headers.get("content-type", ""):
        follow(call, answer)
    else:
        out(call.client.finish(answer).decode())


def run(call: Call) -> int:
    options = call.options
    descriptor = 0
    if options["input"]:
        descriptor = open_input(options["input"])
    elif os.isatty(0):
        raise Exit(1, "requested load from stdin, but stdin is empty")
    send(call, read_pieces(descriptor), quiet=options["quiet"])
    return 0


COMMAND = Command(
    run,
    "[OPTIONS]",
    "Load images from an archive",
    (
        Flag("input", "i", STRING, "File to read, instead of STDIN"),
        Flag("platform", "", STRING, "Load only this platform's variant"),
        Flag("quiet", "q", BOOL, "Show no progress"),
    ),
)
