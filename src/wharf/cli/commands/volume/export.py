"""`wharf volume export`."""

import os

from wharf.cli.command import Call, Command
from wharf.cli.commands.image.save import write_archive
from wharf.cli.flags import STRING, Flag
from wharf.cli.output import STDOUT
from wharf.client import volumes
from wharf.errors import InvalidArgument


def run(call: Call) -> int:
    path = call.options["output"]
    if not path and os.isatty(STDOUT):
        raise InvalidArgument("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    write_archive(volumes.open_export(call.client, call.arguments[0]).pieces(), path, "failed to export volume")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] VOLUME",
    "Write all that is in a volume to an archive",
    (Flag("output", "o", STRING, "File to write, instead of STDOUT"),),
    least=1,
    most=1,
)
