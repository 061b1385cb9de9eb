"""`wharf container command`: the `run` command that would make a container again."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container.run_line import Facts, run_words
from wharf.cli.output import err, out
from wharf.client import containers, images, system
from wharf.client.client import Client, older
from wharf.client.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: In it a container has the MAC address that it was asked to have; later versions tell what it has.
LAST_WITH_MAC_ADDRESS = containers.LAST_WITH_ONE_MAC_ADDRESS


def run(call: Call) -> int:
    import shlex

    facts = Facts(system.info(call.client))
    for name in call.arguments:
        found = _inspect(call.client, name)
        words, unsaid = run_words(found, _image(call.client, name, found["Image"]), facts)
        out(f"wharf run {shlex.join(words)}\n")
        for what in unsaid:
            err(f"{name}: no flag says {what}\n")
    return 0


def _inspect(client: Client, name: str) -> "dict[str, Any]":
    found = containers.inspect(client, name)
    if found["State"].get("Running") and older(client.version, LAST_WITH_MAC_ADDRESS) == LAST_WITH_MAC_ADDRESS:
        with Client(client.address, version=LAST_WITH_MAC_ADDRESS) as old:
            try:
                found["Config"]["MacAddress"] = containers.inspect(old, name)["Config"].get("MacAddress")
            except Refused:
                pass  # an engine that does not speak it any more
    return found


def _image(client: Client, name: str, id: str) -> "dict[str, Any]":
    try:
        return images.inspect(client, id)
    except Refused as error:
        if error.status != 404:
            raise
        err(f"{name}: its image is gone, so what came from it is said, too\n")
        return {}


COMMAND = Command(
    run,
    "CONTAINER [CONTAINER...]",
    "Print the `run` command that would make a container again",
    least=1,
    most=MANY,
)
