"""`wharf network check`."""

from wharf.cli.command import Call, Command
from wharf.cli.flags import BOOL, Flag
from wharf.cli.output import out
from wharf.client import networks
from wharf.errors import InvalidArgument
from wharf.jsontext import encode_json

MARKS = {True: "ok ", False: "NO ", None: "?  "}

_DIGITS = 5  # of the greatest port


def target(text: str) -> "tuple[str, int, str]":
    """Container (or host, or outside), port and protocol of `web:80/udp`; port 0 is any. Raises InvalidArgument."""
    name, _, service = text.partition(":")
    number, _, protocol = service.partition("/")
    if not name or (number and not (number.isdecimal() and number.isascii() and len(number) <= _DIGITS)):
        raise InvalidArgument(f"invalid target {text!r}: expected CONTAINER[:PORT[/PROTOCOL]], host:PORT or outside")
    return name, int(number or 0), protocol or "tcp"


def run(call: Call) -> int:
    name, port, protocol = target(call.arguments[1])
    found = networks.check(call.client, call.arguments[0], name, port, protocol)
    if call.options["json"]:
        out(encode_json(found) + "\n")
    else:
        out("".join(f"{MARKS[step['Passes']]} {step['Text']}\n" for step in found["Steps"]))
    return 1 if found["Passes"] is False else 0


COMMAND = Command(
    run,
    "[OPTIONS] FROM TO[:PORT[/PROTOCOL]]",
    "Tell why packets would or would not pass (FROM and TO: a container, host, or outside); exits with 1 if not",
    (Flag("json", "", BOOL, "Show the answer as JSON"),),
    least=2,
    most=2,
)
