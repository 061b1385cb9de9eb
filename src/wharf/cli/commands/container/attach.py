"""`wharf attach`."""

import os

from wharf.cli.command import Call, Command
from wharf.cli.commands.container.run import detach_keys, follow
from wharf.cli.errors import Exit
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.client import containers
from wharf.errors import Conflict


def run(call: Call) -> int:
    client, options = call.client, call.options
    found = containers.inspect(client, call.arguments[0])
    state, config = found["State"], found["Config"]
    if not state["Running"]:
        raise Conflict("You cannot attach to a stopped container, start it first")
    if state["Paused"]:
        raise Conflict("You cannot attach to a paused container, unpause it first")
    if state.get("Restarting"):
        raise Conflict("You cannot attach to a restarting container, wait until it is running")
    id, tty = found["Id"], config["Tty"]
    stdin = config["OpenStdin"] and not options["no-stdin"]
    if stdin and tty and not os.isatty(0):
        raise Exit(1, "the input device is not a TTY")
    if options["sig-proxy"] and not tty:
        from wharf.cli.signals import forward_signals

        forward_signals(client, id)
    keys = detach_keys(call)
    wait = containers.open_wait(client.another(), id)
    connection = containers.attach(client, id, stdin=stdin, stdout=True, stderr=True, detach_keys=keys)
    try:
        return follow(call, id, connection, wait, stdin=stdin, tty=tty, keys=keys)
    finally:
        connection.close()


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER",
    "Connect the terminal's streams to a running container",
    (
        Flag("detach-keys", "", STRING, "Keys that leave the container running"),
        Flag("no-stdin", "", BOOL, "Do not attach STDIN"),
        Flag("sig-proxy", "", BOOL, "Hand signals on to the container", True),
    ),
    least=1,
    most=1,
)
