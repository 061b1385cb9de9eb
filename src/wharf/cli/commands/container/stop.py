"""`wharf stop`."""

from wharf.cli.commands.container.several import ending
from wharf.client import containers

COMMAND = ending(containers.stop, "Stop running containers")
