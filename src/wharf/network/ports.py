"""Which host ports a container gets. Pure: who binds them is `reservation`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from wharf.network.contract import PortRequest

ANY_V4: Final = "0.0.0.0"
ANY_V6: Final = "::"


@dataclass(frozen=True, slots=True)
class HostPort:
    """One address, port and protocol of this host."""

    ip: str
    port: int
    protocol: str

    def __str__(self) -> str:
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{host}:{self.port}"

    def meets(self, other: "HostPort") -> bool:
        """Whether both cannot be published at the same time. IPv4 and IPv6 are apart."""
        same = (self.port, self.protocol) == (other.port, other.protocol)
        if not same or (":" in self.ip) != (":" in other.ip):
            return False
        return self.ip == other.ip or self.ip in (ANY_V4, ANY_V6) or other.ip in (ANY_V4, ANY_V6)


def host_addresses(asked: str, default: str = "", *, ipv6: bool = True) -> list[str]:
    """Where to publish a port: no address means the default one, and no default means everywhere."""
    address = asked or default
    if address:
        return [str(ip_address(address.strip("[]")))]
    return [ANY_V4, ANY_V6] if ipv6 else [ANY_V4]


@dataclass(slots=True)
class PublishedPorts:
    """What is published now, and which port to try next when any will do."""

    first: int  # of the kernel's range for ports that nobody chose
    last: int
    _used: dict[tuple[int, str], set[HostPort]] = field(default_factory=dict)
    _next: int = 0  # offset in the range

    def is_free(self, wanted: HostPort) -> bool:
        return not any(wanted.meets(used) for used in self._used.get((wanted.port, wanted.protocol), ()))

    def add(self, port: HostPort) -> None:
        self._used.setdefault((port.port, port.protocol), set()).add(port)

    def discard(self, port: HostPort) -> None:
        used = self._used.get((port.port, port.protocol), set())
        used.discard(port)
        if not used:
            self._used.pop((port.port, port.protocol), None)

    def candidates(self, request: PortRequest) -> Iterator[int]:
        """Host ports to try, best first. Of the kernel's range each at most once, from where the last search ended."""
        if request.host_port:
            yield from range(request.host_port, max(request.host_port, request.host_port_end) + 1)
            return
        size = self.last - self.first + 1
        for _ in range(size):
            port = self.first + self._next % size
            self._next = (self._next + 1) % size
            yield port


def element(port: HostPort, address: str, container_port: int) -> tuple[str, str]:
    """The map and the element, in nft's language, that leads this host port to a container."""
    target = f"{address} . {container_port}"
    if port.ip in (ANY_V4, ANY_V6):
        return "published", f"{port.protocol} . {port.port} : {target}"
    return "published_at", f"{port.protocol} . {port.ip} . {port.port} : {target}"
