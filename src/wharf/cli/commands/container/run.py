"""`wharf run`: create, attach, start, wait."""

import os

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container.create import create
from wharf.cli.commands.container.flags import FLAGS
from wharf.cli.errors import BadOptions, Exit
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import err, out
from wharf.cli.terminal import size_of
from wharf.client import containers
from wharf.client.errors import Refused
from wharf.errors import EngineError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wharf.client.connection import Answer, Connection

STDIN = 0
NOT_STARTED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127
MISSING = ("executable file not found", "no such file or directory", "system cannot find the file specified")
FORBIDDEN = ("permission denied", "is a directory")


def run(call: Call) -> int:
    options = call.options
    detached = options["detach"]
    if detached:
        if options["attach"]:
            raise InvalidArgument("conflicting options: cannot specify both --attach and --detach")
        options["sig-proxy"] = False
    elif options["interactive"] and options["tty"] and not os.isatty(STDIN):
        raise Exit(1, "the input device is not a TTY")
    try:
        made, body = create(call, console=size_of(1) if options["tty"] and not detached else None)
    except (BadOptions, Exit):
        raise
    except EngineError as error:
        raise _failure(call, error) from None
    if detached:
        return _run_detached(call, made)
    return _run_attached(call, made, body)


def _run_detached(call: Call, id: str) -> int:
    _start(call, id)
    out(f"{id}\n")
    return 0


def _run_attached(call: Call, id: str, body: "dict[str, Any]") -> int:
    options, client = call.options, call.client
    if options["sig-proxy"] and not body["Tty"]:
        from wharf.cli.signals import forward_signals

        forward_signals(client, id)
    keys = detach_keys(call)
    # Attached before it starts: not a byte of its output may be missed. Waited for, too: it may be gone at once.
    connection = containers.attach(
        client,
        id,
        stdin=body["AttachStdin"],
        stdout=body["AttachStdout"],
        stderr=body["AttachStderr"],
        detach_keys=keys,
    )

    waiter = client.another()
    try:
        wait = containers.open_wait(waiter, id, "removed" if options["rm"] else "next-exit")
        _start(call, id)
        return follow(call, id, connection, wait, stdin=body["AttachStdin"], tty=body["Tty"], keys=keys)
    finally:
        connection.close()


def _failure(call: Call, error: EngineError) -> Exit:
    """The end of a run that did not start; the exit code is told from the text, as docker does it."""
    text = str(error).lower()
    code = NOT_STARTED
    if any(reason in text for reason in MISSING):
        code = NOT_FOUND
    elif any(reason in text for reason in FORBIDDEN):
        code = NOT_EXECUTABLE
    return Exit(code, f"wharf: {error}\n\nRun 'wharf {call.path} --help' for more information")


def _start(call: Call, id: str) -> None:
    try:
        containers.start(call.client, id)
    except Refused as error:
        raise _failure(call, error) from None


def detach_keys(call: Call) -> str:
    """From the flag or config.json; "" leaves it to the daemon. Raises InvalidArgument."""
    text: str = call.options["detach-keys"] or call.config.get("detachKeys", "")
    if text:
        from wharf.cli.detach import parse_keys

        parse_keys(text)
    return text


def follow(call: Call, id: str, connection: "Connection", wait: "Answer", *, stdin: bool, tty: bool, keys: str) -> int:
    """Copy streams until the container ends; its exit code. 0 when the user detaches."""
    from wharf.cli.session import Session

    watch = None
    if tty and stdin:
        from wharf.cli.detach import DEFAULT, KeyWatch, parse_keys

        watch = KeyWatch(parse_keys(keys or DEFAULT))
    session = Session(connection, stdin=stdin, tty=tty, keys=watch)
    if tty:
        from wharf.cli.signals import follow_size

        follow_size(call.client, id)
    if tty and stdin and os.isatty(STDIN):
        from wharf.cli.terminal import Raw

        with Raw(STDIN):
            ended = session.run()
    else:
        ended = session.run()
    if not ended:
        return 0
    if session.error:
        err(session.error)
    code, problem = containers.wait_result(wait)
    if problem:
        raise EngineError(f"Error waiting for container: {problem}")
    return code


COMMAND = Command(
    run,
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    "Make and start a new container from an image",
    (
        *FLAGS,
        Flag("detach", "d", BOOL, "Run in the background and print the container's id"),
        Flag("detach-keys", "", STRING, "Keys that leave the container running"),
        Flag("sig-proxy", "", BOOL, "Hand signals on to the container", True),
    ),
    least=1,
    most=MANY,
    anywhere=False,
    explains=True,
)
