"""`wharf image bootstrap`: a base image without a registry."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.image.load import send
from wharf.errors import InvalidArgument


def run(call: Call) -> int:
    kind, _, suite = call.arguments[0].partition(":")
    if kind not in ("busybox", "debian"):
        raise InvalidArgument(f"unknown base image: {call.arguments[0]} (expected busybox or debian:SUITE)")
    from wharf.client.bootstrap import make_archive

    send(call, make_archive(kind, suite), quiet=True)
    return 0


COMMAND = Command(
    run,
    "busybox|debian:SUITE",
    "Make a base image from the distribution's own packages",
    least=1,
    most=1,
)
