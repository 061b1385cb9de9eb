"""`wharf plugin enable`."""

from wharf.cli.command import Call, Command, each
from wharf.cli.flags import INT, Flag
from wharf.client import plugins
from wharf.errors import InvalidArgument

USUAL_TIMEOUT = 30  # seconds


def run(call: Call) -> int:
    timeout = call.options["timeout"]
    if timeout < 0:
        raise InvalidArgument(f"negative timeout {timeout} is invalid")
    return each(call, lambda name: plugins.enable(call.client, name, timeout=timeout))


COMMAND = Command(
    run,
    "[OPTIONS] PLUGIN",
    "Start a plugin, now and with the daemon",
    (Flag("timeout", "", INT, "Seconds that its answers may take", USUAL_TIMEOUT),),
    least=1,
    most=1,
)
