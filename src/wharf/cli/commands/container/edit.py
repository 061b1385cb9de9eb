"""`wharf container edit`: other settings for a container that exists."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container import kinds, update
from wharf.cli.commands.container.editing import edit_body
from wharf.cli.commands.container.mounts import MOUNT
from wharf.cli.flags import BOOL, INT, LIST, STRING, Flag
from wharf.cli.output import err, out
from wharf.client import archives, containers


def run(call: Call) -> int:
    name, *command = call.arguments
    options = call.options
    wanted = edit_body(containers.inspect(call.client, name), options, command)
    timeout = options["timeout"] if "timeout" in options.given else None
    for warning in archives.edit(call.client, name, wanted, restart=not options["no-restart"], timeout=timeout):
        err(f"WARNING: {warning}\n")
    if options["no-restart"] and "PendingEdit" in containers.inspect(call.client, name):
        err(f"{name} runs on as it is; its next start brings the change\n")
    out(f"{name}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER [COMMAND] [ARG...]",
    "Change ports, mounts, variables, command or limits of a container that exists",
    (
        Flag("entrypoint", "", STRING, "Program to run instead of the present entry point"),
        Flag("env", "e", kinds.ENVIRONMENT, "Environment variables to set"),
        Flag("env-rm", "", LIST, "Environment variables to take away"),
        Flag("hostname", "", STRING, "Host name"),
        Flag("label", "l", kinds.LABELS, "Labels to set"),
        Flag("label-rm", "", LIST, "Labels to take away"),
        Flag("mount-add", "", MOUNT, "Mount to add, or to have instead of the one at its target"),
        Flag("mount-rm", "", LIST, "Targets of mounts (also volumes and tmpfs) to take away; volumes keep their data"),
        Flag("no-restart", "", BOOL, "Leave a container that runs alone: its next start brings the change"),
        Flag("publish-add", "p", LIST, "Ports to publish as well"),
        Flag("publish-rm", "", LIST, "Ports of the container (80, 80/udp) to publish no more"),
        Flag("timeout", "t", INT, "Seconds to stop before it is killed"),
        Flag("user", "u", STRING, "Who to be: <name|uid>[:<group|gid>]"),
        Flag("volume-add", "v", LIST, "Volumes and directories of the host to mount as well"),
        Flag("workdir", "w", STRING, "Working directory"),
        *update.FLAGS,
    ),
    least=1,
    most=MANY,
    anywhere=False,
)
