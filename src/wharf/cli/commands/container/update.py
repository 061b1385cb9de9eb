"""`wharf update`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container import kinds, limits
from wharf.cli.commands.container.options import restart_policy
from wharf.cli.flags import STRING, Flag
from wharf.cli.output import err, out
from wharf.client import archives
from wharf.errors import EngineError, InvalidArgument


def run(call: Call) -> int:
    options = call.options
    if not options.given:
        raise InvalidArgument("you must provide one or more flags when using this command")
    wanted = {field: options[flag] for flag, field in limits.FIELDS.items() if flag in options.given}
    if options["restart"]:
        wanted["RestartPolicy"] = restart_policy(options["restart"])
    warnings: list[str] = []
    failed = 0
    for name in call.arguments:
        try:
            warnings += archives.update(call.client, name, wanted)
            out(f"{name}\n")
        except EngineError as error:
            err(f"{error}\n")
            failed = 1
    if warnings:
        out("\n".join(warnings) + "\n")
    return failed


FLAGS = (*limits.FLAGS, Flag("restart", "", STRING, "What to do when it exits"))
COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Change the limits of containers",
    (*FLAGS, Flag("kernel-memory", "", kinds.BYTES, "Accepted for docker's sake")),
    least=1,
    most=MANY,
)
