"""`wharf port`."""

from wharf.cli.command import Call, Command
from wharf.cli.output import out
from wharf.cli.render.ports import join_port
from wharf.client import containers
from wharf.errors import InvalidArgument, NotFound


def run(call: Call) -> int:
    name, *asked = call.arguments
    ports = containers.inspect(call.client, name)["NetworkSettings"].get("Ports") or {}
    if not asked:
        lines = [
            f"{port} -> {join_port(binding['HostIp'], binding['HostPort'])}\n"
            for port in sorted(ports, key=_order)
            for binding in ports[port] or []
        ]
        out("".join(sorted(lines, key=lambda line: _order(line.split(" ")[0]))))
        return 0
    number, _, protocol = asked[0].partition("/")
    if not number.isdigit():
        raise InvalidArgument(f"Error: invalid port ({number}): invalid syntax")
    bindings = ports.get(f"{number}/{protocol or 'tcp'}")
    if bindings is None:
        raise NotFound(f"Error: No public port '{asked[0]}' published for {name}")
    out("".join(f"{join_port(binding['HostIp'], binding['HostPort'])}\n" for binding in bindings))
    return 0


def _order(port: str) -> tuple[int, str]:
    number, _, protocol = port.partition("/")
    return int(number), protocol


COMMAND = Command(run, "CONTAINER [PRIVATE_PORT[/PROTO]]", "Show a container's published ports", least=1, most=2)
