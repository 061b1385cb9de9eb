"""What -p and --expose mean. Pure."""

from wharf.cli.commands.container.kinds import split_fields
from wharf.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Bindings = dict[str, list[dict[str, str]]]

PROTOCOLS = ("tcp", "udp", "sctp")
LAST_PORT = 65535


def read_range(text: str) -> tuple[int, int]:
    """First and last port. Raises ValueError, in Go's words, for what is none."""
    first, separator, last = text.partition("-")
    span = _read_port(first), _read_port(last if separator else first)
    if span[1] < span[0]:
        raise ValueError(f"invalid range specified for port: {text}")
    return span


def _read_port(text: str) -> int:
    if not text:
        raise ValueError("empty string specified for ports.")
    if not text.isdigit() or not text.isascii():
        raise ValueError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) > LAST_PORT:
        raise ValueError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)


def read_expose(specs: "Iterable[str]") -> list[str]:
    """`port/protocol` of every port that --expose names."""
    found = []
    for spec in specs:
        if ":" in spec:
            raise InvalidArgument(f"invalid port format for --expose: {spec}")
        ports, _, protocol = spec.partition("/")
        try:
            first, last = read_range(ports)
        except ValueError as error:
            raise InvalidArgument(f"invalid range format for --expose: {spec}, error: {error}") from None
        found += [f"{port}/{protocol.lower() or 'tcp'}" for port in range(first, last + 1)]
    return found


def read_publish(specs: "Iterable[str]") -> "Bindings":
    """The API's PortBindings: `port/protocol` to where on the host. Raises InvalidArgument."""
    bindings: Bindings = {}
    for spec in specs:
        short, more = _short_form(spec) if "=" in spec else (spec, {})
        for port, address, host in _bindings(short):
            bindings.setdefault(port, []).append({"HostIp": address, "HostPort": host, **more})
    return bindings


def _short_form(spec: str) -> tuple[str, dict[str, str]]:
    """`published=80,target=8080,protocol=udp,firewall=host` in the form with colons, and what that cannot say."""
    fields = {"published": "", "target": "", "protocol": "tcp", "mode": "host", "firewall": ""}
    for field in split_fields(spec):
        name, separator, value = field.partition("=")
        if not separator or not value:
            raise InvalidArgument(f"invalid field: {field}")
        if name not in fields:
            raise InvalidArgument(f"invalid field key: {name}")
        fields[name] = value
    if not fields["target"]:
        raise InvalidArgument("missing mandatory field 'target'")
    more = {"Firewall": fields["firewall"]} if fields["firewall"] else {}
    return f"{fields['published']}:{fields['target']}/{fields['protocol']}", more


def _bindings(spec: str) -> "Iterable[tuple[str, str, str]]":
    address, host, ports = _split(spec)
    container, _, protocol = ports.partition("/")
    protocol = protocol.lower() or "tcp"
    if not container:
        raise InvalidArgument(f"no port specified: {spec}<empty>")
    first, last = _span(container, "containerPort")
    host_first, host_last = _span(host, "hostPort") if host else (0, 0)
    if protocol not in PROTOCOLS:
        raise InvalidArgument(f"invalid proto: {protocol}")
    if host and last - first != host_last - host_first and last != first:
        raise InvalidArgument(f"invalid ranges specified for container and host Ports: {container} and {host}")
    for offset in range(last - first + 1):
        chosen = ""
        if host:
            # One port of the container and a range of the host's: the daemon takes a free one of the range.
            spread = first == last and host_first != host_last
            chosen = f"{host_first}-{host_last}" if spread else str(host_first + offset)
        yield f"{first + offset}/{protocol}", address, chosen


def _span(text: str, what: str) -> tuple[int, int]:
    try:
        return read_range(text)
    except ValueError:
        raise InvalidArgument(f"invalid {what}: {text}") from None


def _split(spec: str) -> tuple[str, str, str]:
    """Address, host ports, container ports."""
    rest, _, container = spec.rpartition(":")
    address, _, host = rest.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    if address:
        from ipaddress import ip_address

        try:
            ip_address(address)
        except ValueError:
            raise InvalidArgument(f"invalid IP address: {address}") from None
    return address, host, container
