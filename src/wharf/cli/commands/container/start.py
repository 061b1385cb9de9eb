"""`wharf start`."""

import os

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container.run import detach_keys, follow
from wharf.cli.errors import Exit
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import err, out
from wharf.client import containers
from wharf.errors import EngineError, InvalidArgument


def run(call: Call) -> int:
    options = call.options
    if options["checkpoint"]:
        return _restore(call)
    if not options["attach"] and not options["interactive"]:
        return _start_all(call)
    if len(call.arguments) > 1:
        raise InvalidArgument("you cannot start and attach multiple containers at once")
    return _start_attached(call)


def _restore(call: Call) -> int:
    if len(call.arguments) > 1:
        raise InvalidArgument("you cannot restore multiple containers at once")
    checkpoint, directory = call.options["checkpoint"], call.options["checkpoint-dir"]
    containers.start(call.client, call.arguments[0], checkpoint=checkpoint, checkpoint_directory=directory)
    return 0


def _start_all(call: Call) -> int:
    failed = []
    for name in call.arguments:
        try:
            containers.start(call.client, name)
        except EngineError as error:
            err(f"{error}\n")
            failed.append(name)
        else:
            out(f"{name}\n")
    if failed:
        raise Exit(1, f"Error: failed to start containers: {', '.join(failed)}")
    return 0


def _start_attached(call: Call) -> int:
    client, options = call.client, call.options
    found = containers.inspect(client, call.arguments[0])
    id, config = found["Id"], found["Config"]
    tty, stdin = config["Tty"], options["interactive"] and config["OpenStdin"]
    if stdin and tty and not os.isatty(0):
        raise Exit(1, "the input device is not a TTY")
    if not tty:
        from wharf.cli.signals import forward_signals

        forward_signals(client, id)
    keys = detach_keys(call)
    connection = containers.attach(client, id, stdin=stdin, stdout=True, stderr=True, detach_keys=keys)
    try:
        removed = (found.get("HostConfig") or {}).get("AutoRemove")
        waiter = client.another()
        wait = containers.open_wait(waiter, id, "removed" if removed else "next-exit")
        containers.start(client, id)
        return follow(call, id, connection, wait, stdin=stdin, tty=tty, keys=keys)
    finally:
        connection.close()


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Start stopped containers",
    (
        Flag("attach", "a", BOOL, "Attach STDOUT and STDERR and hand signals on"),
        Flag("checkpoint", "", STRING, "Go on from this checkpoint, where the daemon offers that"),
        Flag("checkpoint-dir", "", STRING, "Where the checkpoint is, instead of the container's own place"),
        Flag("detach-keys", "", STRING, "Keys that leave the container running"),
        Flag("interactive", "i", BOOL, "Attach STDIN"),
    ),
    least=1,
    most=MANY,
)
