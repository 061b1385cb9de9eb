"""`wharf save`."""

import os

from wharf.cli.command import MANY, Call, Command
from wharf.cli.flags import STRING, Flag
from wharf.cli.output import STDOUT, write
from wharf.client import images
from wharf.errors import EngineError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def run(call: Call) -> int:
    path = call.options["output"]
    if not path and os.isatty(STDOUT):
        raise InvalidArgument("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    write_archive(images.open_save(call.client, call.arguments).pieces(), path, "failed to save image")
    return 0


def write_archive(pieces: "Iterable[bytes]", path: str, failure: str) -> None:
    """Writes an archive to the file at `path`, or (when that is empty) to stdout. Raises EngineError."""
    if not path:
        for piece in pieces:
            write(STDOUT, piece)
        return
    # Under another name until it is whole: a broken archive must not look like one.
    temporary = f"{path}.{os.getpid()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        reason = (error.strerror or "").lower()
        place = os.path.dirname(path) or "."  # noqa: PTH120
        raise EngineError(f"{failure}: invalid output path: stat {place}: {reason}") from None
    try:
        for piece in pieces:
            write(descriptor, piece)
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108
        raise
    finally:
        os.close(descriptor)


COMMAND = Command(
    run,
    "[OPTIONS] IMAGE [IMAGE...]",
    "Write images to an archive",
    (
        Flag("output", "o", STRING, "File to write, instead of STDOUT"),
        Flag("platform", "", STRING, "Save only this platform's variant"),
    ),
    least=1,
    most=MANY,
)
