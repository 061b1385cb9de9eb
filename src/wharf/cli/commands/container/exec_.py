"""`wharf exec`."""

import os

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container.kinds import ENVIRONMENT
from wharf.cli.commands.container.options import file_lines
from wharf.cli.commands.container.run import detach_keys
from wharf.cli.errors import Exit
from wharf.cli.flags import BOOL, LIST, STRING, Flag
from wharf.client.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wharf.client.connection import Connection


def run(call: Call) -> int:
    options, client = call.options, call.client
    name, *command = call.arguments
    stdin, tty, detached = options["interactive"], options["tty"], options["detach"]
    if stdin and tty and not detached and not os.isatty(0):
        raise Exit(1, "the input device is not a TTY")
    keys = detach_keys(call)
    body: dict[str, Any] = {
        "User": options["user"],
        "Privileged": options["privileged"],
        "Tty": tty,
        "AttachStdin": stdin and not detached,
        "AttachStdout": not detached,
        "AttachStderr": not detached,
        "DetachKeys": keys,
        "Env": file_lines(options["env-file"], "env") + options["env"],
        "WorkingDir": options["workdir"],
        "Cmd": command,
    }
    id = client.post(f"/containers/{quote(name)}/exec", None, body)["Id"]
    start = {"Detach": detached, "Tty": tty}
    if detached:
        client.post(f"/exec/{id}/start", None, start)
        return 0
    _, connection = client.hijack(f"/exec/{id}/start", None, start)
    try:
        _follow(call, id, connection, stdin=stdin, tty=tty, keys=keys)
    finally:
        connection.close()
    return int(client.get(f"/exec/{id}/json")["ExitCode"] or 0)


def _follow(call: Call, id: str, connection: "Connection", *, stdin: bool, tty: bool, keys: str) -> None:
    from wharf.cli.session import Session

    if tty:
        from wharf.cli.signals import follow_size

        follow_size(call.client, id, "exec")
    watch = None
    if tty and stdin and keys:
        from wharf.cli.detach import KeyWatch, parse_keys

        watch = KeyWatch(parse_keys(keys))
    session = Session(connection, stdin=stdin, tty=tty, keys=watch)
    if tty and stdin:
        from wharf.cli.terminal import Raw

        with Raw(0):
            session.run()
    else:
        session.run()


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER COMMAND [ARG...]",
    "Run a command in a running container",
    (
        Flag("detach", "d", BOOL, "Do not wait for it"),
        Flag("detach-keys", "", STRING, "Keys that leave it running"),
        Flag("env", "e", ENVIRONMENT, "Environment variables"),
        Flag("env-file", "", LIST, "Files of environment variables"),
        Flag("interactive", "i", BOOL, "Keep STDIN open"),
        Flag("privileged", "", BOOL, "Give it all rights there are"),
        Flag("tty", "t", BOOL, "Give it a terminal"),
        Flag("user", "u", STRING, "Who to be: <name|uid>[:<group|gid>]"),
        Flag("workdir", "w", STRING, "Working directory"),
    ),
    least=2,
    most=MANY,
    anywhere=False,
)
