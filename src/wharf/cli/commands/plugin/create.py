"""`wharf plugin create`."""

import os
import stat

from wharf.cli.command import MANY, Call, Command
from wharf.cli.flags import BOOL, Flag
from wharf.cli.output import out
from wharf.client import plugins
from wharf.client.names import parse_name
from wharf.client.wire import decode_json
from wharf.errors import EngineError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def run(call: Call) -> int:
    name, directory = call.arguments[:2]  # docker passes over what follows
    parse_name(name)
    _check(directory)
    from wharf.cli.local_tree import pack

    archive = pack(f"{directory.rstrip('/')}/.", ".")
    plugins.create(call.client, name, _compressed(archive) if call.options["compress"] else archive)
    out(f"{name}\n")
    return 0


def _check(directory: str) -> None:
    """Raises EngineError, in docker's words, for what cannot be a plugin's directory."""
    whole = os.path.abspath(directory)  # noqa: PTH100
    config = f"{whole}/config.json"
    try:
        if not stat.S_ISDIR(os.lstat(whole).st_mode):
            raise InvalidArgument("context must be a directory")
        with open(config, "rb") as file:  # noqa: PTH123
            text = file.read()
    except OSError as error:
        verb = "open" if error.filename == config else "lstat"
        raise EngineError(f"{verb} {error.filename}: {(error.strerror or str(error)).lower()}") from None
    try:
        decode_json(text)
    except EngineError:
        raise InvalidArgument(f"{config} is not JSON") from None


def _compressed(pieces: "Iterable[bytes]") -> "Iterator[bytes]":
    import zlib

    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)  # 16: with the head and the end of gzip
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


COMMAND = Command(
    run,
    "[OPTIONS] PLUGIN PLUGIN-DATA-DIR",
    "Make a plugin of a directory that has config.json and rootfs/",
    (Flag("compress", "", BOOL, "Send the directory compressed"),),
    least=2,
    most=MANY,
)
