"""`wharf cp`: files between a container and here."""

import os

from wharf.cli.command import Call, Command
from wharf.cli.flags import BOOL, Flag
from wharf.cli.output import STDERR, STDOUT, err, write
from wharf.client import archives
from wharf.client.errors import Refused
from wharf.errors import EngineError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def split(text: str) -> tuple[str, str]:
    """Container and path; without a container it is a path here. A path that begins with `.` or `/` is always here."""
    if text.startswith(("/", ".")):
        return "", text
    name, colon, path = text.partition(":")
    return (name, path) if colon else ("", text)


def run(call: Call) -> int:
    source, target = call.arguments
    from_container, from_path = split(source)
    to_container, to_path = split(target)
    if from_container and to_container:
        raise InvalidArgument("copying between containers is not supported")
    if not from_container and not to_container:
        raise InvalidArgument("must specify at least one container source")
    if not (from_path and to_path):
        raise InvalidArgument("path cannot be empty")
    if from_container:
        size = _from_container(call, from_container, from_path, to_path)
    else:
        size = _to_container(call, from_path, to_container, to_path)
    if size is not None and os.isatty(STDERR) and not call.options["quiet"]:
        from wharf.cli.render.values import size as show

        err(f"Successfully copied {show(size, 3)} to {target if to_container else os.path.abspath(to_path)}\n")  # noqa: PTH100
    return 0


# ── from a container ──


def _from_container(call: Call, name: str, path: str, target: str) -> int | None:
    top = _ends(path)
    if call.options["follow-link"]:
        path, _ = _followed(call, name, path)
    if target == "-":
        for piece in archives.open_archive(call.client, name, path).pieces():
            write(STDOUT, piece)
        return None
    _check_output(target)
    answer = archives.open_archive(call.client, name, path)
    found = archives.read_stat(answer)
    directory, new = _place_here(target, found, top)
    from wharf.cli.local_tree import rename, unpack

    old = found["name"]
    return unpack(
        answer.pieces(), directory, lambda member: rename(member, old, new), keep_owner=call.options["archive"]
    )


def _ends(path: str) -> str:
    return "." if path.endswith("/.") or path == "." else os.path.basename(path.rstrip("/")) or "/"  # noqa: PTH119


def _check_output(target: str) -> None:
    parent = os.path.dirname(os.path.abspath(target.rstrip("/") or "/"))  # noqa: PTH100, PTH120
    if not os.path.isdir(parent):  # noqa: PTH112
        raise InvalidArgument(f'invalid output path: directory "{parent}" does not exist')


def _place_here(target: str, found: "dict[str, Any]", top: str) -> tuple[str, str]:
    """The directory to unpack into, and what the archive's top is called there."""
    is_directory = bool(found["mode"] & archives.DIRECTORY)
    if os.path.isdir(target):  # noqa: PTH112
        return target, "" if top in (".", "/") else top
    if target.endswith("/") and os.path.lexists(target.rstrip("/")):
        raise EngineError(f"stat {target}: not a directory")
    if os.path.lexists(target) and is_directory:
        raise EngineError("cannot copy directory")
    if target.endswith("/") and not is_directory:
        raise EngineError("no such directory")
    whole = os.path.abspath(target)  # noqa: PTH100
    if os.path.islink(whole):  # noqa: PTH114
        whole = os.path.realpath(whole)  # what it leads to is written, there or not
    return os.path.dirname(whole), os.path.basename(whole)  # noqa: PTH119, PTH120


# ── to a container ──


def _to_container(call: Call, source: str, name: str, path: str) -> int | None:
    options = call.options
    path, found = _followed(call, name, path)
    exists_as_directory = found is not None and bool(found["mode"] & archives.DIRECTORY)
    if source == "-":
        if not exists_as_directory:
            raise InvalidArgument(f'destination "{name}:{path}" must be a directory')
        from wharf.cli.commands.image.load import read_pieces

        pieces, directory = read_pieces(0), path
    else:
        real = _local(source, follow=options["follow-link"])
        is_directory = os.path.isdir(real) and (real.endswith(("/", "/.")) or not os.path.islink(real))  # noqa: PTH112, PTH114
        directory, top = _place_there(path, found, source, is_directory=is_directory)
        from wharf.cli.local_tree import pack

        pieces = pack(real, top)
    archives.put_archive(call.client, name, directory, pieces, keep_kinds=True, as_user=options["archive"])
    return None


def _followed(call: Call, name: str, path: str) -> "tuple[str, dict[str, Any] | None]":
    """The path where a link at its end leads, and what is there; None for nothing."""
    for _ in range(2):
        try:
            found = archives.stat_path(call.client, name, path)
        except Refused:
            return path, None  # whatever it is: what comes next will tell
        if not found["mode"] & archives.SYMLINK:
            return path, found
        path = found["linkTarget"]
    return path, None


def _local(source: str, *, follow: bool) -> str:
    try:
        os.lstat(source)
        real = os.path.realpath(source) if follow else source
        os.lstat(real)
    except NotADirectoryError:
        raise EngineError("not a directory") from None
    except OSError as error:
        raise EngineError(f"lstat {os.path.abspath(error.filename)}: {(error.strerror or '').lower()}") from None  # noqa: PTH100
    return real


def _place_there(path: str, found: "dict[str, Any] | None", source: str, *, is_directory: bool) -> tuple[str, str]:
    """The directory in the container, and what the archive's top is called there."""
    if found is not None and found["mode"] & archives.DIRECTORY:
        top = _ends(source)
        if top in (".", "..", "/"):
            top = "." if source.endswith("/.") or source == "/" else os.path.basename(os.path.abspath(source))  # noqa: PTH100, PTH119
        return path, top
    if found is not None and is_directory:
        raise EngineError("cannot copy directory")
    if path.endswith("/") and not is_directory:
        raise EngineError("no such directory")
    parent, _, base = path.rstrip("/").rpartition("/")
    return parent or "/", base


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n       wharf cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    "Copy files between a container and here",
    (
        Flag("archive", "a", BOOL, "Keep owners (copy all uid/gid information)"),
        Flag("follow-link", "L", BOOL, "Copy what a link at the end of the source leads to"),
        Flag("quiet", "q", BOOL, "Do not tell what was copied"),
    ),
    least=2,
    most=2,
)
