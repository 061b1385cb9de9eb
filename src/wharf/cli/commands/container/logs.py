"""`wharf logs`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.times import read_moment
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import STDERR, STDOUT, write
from wharf.client import containers
from wharf.client.frames import Unframer
from wharf.errors import InvalidArgument

_SHOWING = ("details", "follow", "since", "tail", "timestamps", "until")


def run(call: Call) -> int:
    options, name = call.options, call.arguments[0]
    if options["clear"]:
        if others := [flag for flag in _SHOWING if options[flag] not in ("", False, "all")]:
            raise InvalidArgument(f"--clear shows nothing, so --{others[0]} makes no sense with it")
        containers.clear_logs(call.client, name)
        return 0
    found = containers.inspect(call.client, name)
    answer = containers.open_logs(
        call.client,
        found["Id"],
        follow=options["follow"],
        timestamps=options["timestamps"],
        details=options["details"],
        since=read_moment(options["since"], "since"),
        until=read_moment(options["until"], "until"),
        tail=options["tail"],
    )
    if found["Config"]["Tty"]:
        for piece in answer.pieces():
            write(STDOUT, piece)
        return 0
    frames = Unframer()
    for piece in answer.pieces():
        for stream, payload in frames.feed(piece):
            write(STDERR if stream != STDOUT else STDOUT, payload)
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER",
    "Show what a container has printed",
    (
        Flag("clear", "", BOOL, "Forget what it has printed until now, instead of showing it"),
        Flag("details", "", BOOL, "Show the labels and variables that the log driver adds"),
        Flag("follow", "f", BOOL, "Go on with what it prints from now on"),
        Flag("since", "", STRING, "From this time on: 2013-01-02T13:23:37Z, or 42m for 42 minutes ago"),
        Flag("tail", "n", STRING, "Number of last lines to show", "all"),
        Flag("timestamps", "t", BOOL, "Show when each line was printed"),
        Flag("until", "", STRING, "Up to this time, written as for --since"),
    ),
    least=1,
    most=1,
)
