"""`wharf volume import`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.image.load import open_input, read_pieces
from wharf.cli.output import out
from wharf.client import volumes


def run(call: Call) -> int:
    name, source = call.arguments[0], [*call.arguments, "-"][1]
    archive = read_pieces(0 if source == "-" else open_input(source))
    out(f"{volumes.receive(call.client, name, archive)['Name']}\n")
    return 0


COMMAND = Command(run, "VOLUME [FILE|-]", "Make a volume of an archive (tar, also with gzip)", least=1, most=2)
