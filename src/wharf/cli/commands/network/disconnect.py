"""`wharf network disconnect`."""

from wharf.cli.command import Call, Command
from wharf.cli.flags import BOOL, Flag
from wharf.client import networks


def run(call: Call) -> int:
    network, container = call.arguments
    networks.disconnect(call.client, network, container, force=call.options["force"])
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] NETWORK CONTAINER",
    "Take a container out of a network",
    (Flag("force", "f", BOOL, "Also one that is not there any more"),),
    least=2,
    most=2,
)
