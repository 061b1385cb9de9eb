"""`wharf network rm`."""

from wharf.cli.command import MANY, Call, Command, each
from wharf.cli.flags import BOOL, Flag
from wharf.client import networks
from wharf.client.errors import Refused


def run(call: Call) -> int:
    def remove(name: str) -> bool:
        try:
            networks.remove(call.client, name)
        except Refused as error:
            if not (call.options["force"] and error.status == 404):
                raise
            return False
        return True

    return each(call, remove)


COMMAND = Command(
    run,
    "NETWORK [NETWORK...]",
    "Remove networks that no running container is connected to",
    (Flag("force", "f", BOOL, "Do not mind what is not there"),),
    least=1,
    most=MANY,
)
