"""`wharf top`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.output import out
from wharf.cli.render.tables import align
from wharf.client import containers

LEAST_WIDTH = 20


def run(call: Call) -> int:
    name, *arguments = call.arguments
    found = containers.top(call.client, name, " ".join(arguments))
    rows = [found["Titles"], *(found["Processes"] or [])]
    out(align(rows, least=LEAST_WIDTH))
    return 0


COMMAND = Command(run, "CONTAINER [ps OPTIONS]", "Show a container's processes", least=1, most=MANY, anywhere=False)
