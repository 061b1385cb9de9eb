"""`wharf volume create`."""

from wharf.cli.command import Call, Command
from wharf.cli.flags import LIST, STRING, Flag
from wharf.cli.output import out
from wharf.client import volumes
from wharf.errors import InvalidArgument


def _pairs(texts: "list[str]") -> "dict[str, str]":
    return dict(text.partition("=")[::2] for text in texts)


def run(call: Call) -> int:
    options = call.options
    name = options["name"]
    if call.arguments:
        if name:
            raise InvalidArgument(
                "conflicting options: cannot specify a volume-name through both --name and as a positional arg"
            )
        name = call.arguments[0]
    made = volumes.create(
        call.client,
        name,
        driver=options["driver"],
        options=_pairs(options["opt"]),
        labels=_pairs(options["label"]),
    )
    out(f"{made['Name']}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] [VOLUME]",
    "Make a volume",
    (
        Flag("driver", "d", STRING, "What keeps the volume", "local"),
        Flag("label", "", LIST, "A note for people and filters (name=value)"),
        Flag("name", "", STRING, "The volume's name; it can also be given without a flag"),
        Flag("opt", "o", LIST, "An option of the driver (name=value)"),
    ),
    most=1,
)
