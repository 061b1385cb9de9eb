"""`wharf restart`."""

from wharf.cli.commands.container.several import ending
from wharf.client import containers

COMMAND = ending(containers.restart, "Stop and start containers")
