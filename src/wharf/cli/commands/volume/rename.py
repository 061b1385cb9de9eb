"""`wharf volume rename`."""

from wharf.cli.command import Call, Command
from wharf.client import volumes


def run(call: Call) -> int:
    old, new = call.arguments
    volumes.rename(call.client, old, new)
    return 0


COMMAND = Command(run, "VOLUME NEW_NAME", "Give a volume that no container uses another name", least=2, most=2)
