"""`wharf image bootstrap`: a base image without a registry."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.image.load import open_input, read_pieces, send


def run(call: Call) -> int:
    import tempfile
    from pathlib import Path

    from wharf.client.bootstrap import make_archive

    with tempfile.TemporaryDirectory(prefix="wharf-") as directory:
        archive = Path(directory) / "image.tar"
        make_archive(call.arguments[0], archive)
        send(call, read_pieces(open_input(str(archive))), quiet=True)
    return 0


COMMAND = Command(
    run,
    "busybox|debian:SUITE",
    "Make a base image from the distribution's own packages",
    least=1,
    most=1,
)
