"""`wharf create`, and the making of a container for `run`."""

import os

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container.flags import FLAGS
from wharf.cli.commands.container.options import check_platform, create_body
from wharf.cli.errors import BadOptions
from wharf.cli.output import err, out
from wharf.client import containers, system
from wharf.client.errors import Refused
from wharf.client.names import parse_name
from wharf.errors import EngineError, InvalidArgument

#: Members of HostConfig that only wharfd knows; others ignore what they do not know.
OURS = ("Umask", "HealthOnFailure", "Idmaps", "Firewall")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def create(call: Call, *, console: "tuple[int, int] | None" = None) -> "tuple[str, dict[str, Any]]":
    """Make the container; pull its image if that is wanted. The id, and the request's body.

    `console` is the height and width that its terminal is to start with.
    """
    options = call.options
    image, *command = call.arguments
    try:
        body = create_body(options, image, command)
    except InvalidArgument as error:
        raise BadOptions(str(error)) from None
    check_platform(options["platform"])
    _check_engine(call, body["HostConfig"])
    if console is not None:
        body["HostConfig"]["ConsoleSize"] = list(console)
    with _IdFile(options["cidfile"]) as file:
        if not _is_id(image):
            parse_name(image)
        if options["pull"] == "always":
            _pull(call, image)
        id, warnings = _create(call, image, body)
        file.write(id)
    for warning in warnings:
        err(f"WARNING: {warning}\n")
    return id, body


def _check_engine(call: Call, host: "dict[str, Any]") -> None:
    """Raises EngineError for an engine that would take the request and do something else."""
    asked = [name for name in OURS if name in host]
    if any("Firewall" in place for places in host.get("PortBindings", {}).values() for place in places):
        asked.append("PortBindings.Firewall")
    if host.get("UsernsMode") not in (None, "", "host"):
        asked.append("UsernsMode")
    if asked and (system.version(call.client).get("Platform") or {}).get("Name") != "Wharf":
        raise EngineError(f"the engine is not wharfd, and would ignore {', '.join(asked)}")


def _create(call: Call, image: str, body: "dict[str, Any]") -> tuple[str, list[str]]:
    options = call.options
    name, platform = options["name"], options["platform"]
    try:
        made = containers.create(call.client, body, name=name, platform=platform)
    except Refused as error:
        if error.status != 404 or options["pull"] != "missing" or "No such image" not in error.message:
            raise
        if not options["quiet"]:
            err(f"Unable to find image '{parse_name(image).with_tag}' locally\n")
        _pull(call, image)
        made = containers.create(call.client, body, name=name, platform=platform)
    return made["Id"], made.get("Warnings") or []


def _pull(call: Call, image: str) -> None:
    from wharf.cli.commands.image.pull import pull

    # To stderr: stdout belongs to the container.
    pull(call, image, platform=call.options["platform"], quiet=call.options["quiet"], descriptor=2)


def _is_id(text: str) -> bool:
    return len(text.removeprefix("sha256:")) == 64


class _IdFile:
    """--cidfile: must not be there before, and is gone again if nothing was made."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._written = False

    def __enter__(self) -> "_IdFile":
        if self._path:
            if os.path.exists(self._path):  # noqa: PTH110
                raise EngineError(
                    f"container ID file found, make sure the other container isn't running or delete {self._path}"
                )
            try:
                with open(self._path, "x", encoding="utf-8"):  # noqa: PTH123
                    pass
            except OSError as error:
                reason = (error.strerror or "").lower()
                raise EngineError(f"failed to create the container ID file: open {self._path}: {reason}") from None
        return self

    def write(self, id: str) -> None:
        if self._path:
            with open(self._path, "w", encoding="utf-8") as file:  # noqa: PTH123
                file.write(id)
        self._written = True

    def __exit__(self, *_: object) -> None:
        if self._path and not self._written:
            os.unlink(self._path)  # noqa: PTH108


def run(call: Call) -> int:
    id, _ = create(call)
    out(f"{id}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    "Make a new container without starting it",
    FLAGS,
    least=1,
    most=MANY,
    anywhere=False,
)
