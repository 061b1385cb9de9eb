"""The books of one network, whatever its driver: who is connected, with which addresses."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Final

from wharf.errors import EngineError, InvalidArgument
from wharf.linux.netlink import parse_mac
from wharf.network.contract import Endpoint, EndpointRequest
from wharf.network.ipam import AddressBook, mac_address
from wharf.network.subnets import Address, Interface, Subnet

#: Of as many containers that have left their last addresses are remembered.
_REMEMBERED: Final = 256


class Endpoints:
    """Knows every endpoint from its reservation to its release, and which addresses a container had before."""

    def __init__(self, id: str, network: str, subnets: Sequence[Subnet], *, with_mac: bool = True) -> None:
        """`network` is the name. Without `with_mac` the endpoints have the address of their parent device."""
        self._network = network
        self._with_mac = with_mac
        self.addresses = AddressBook(f"{network} ({id})", subnets)
        self._known: dict[str, Endpoint] = {}
        self._former: dict[str, Sequence[str]] = {}  # by container

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(list(self._known.values()))

    def __len__(self) -> int:
        return len(self._known)

    def admit(self, request: EndpointRequest, *, interface: str = "", with_gateway: bool = True) -> Endpoint:
        """A new endpoint with its addresses; `interface` is the beginning of the outer end's name, if it has one.

        Raises as Network.reserve().
        """
        mac = _mac_address(request.mac_address)
        wanted = {4: request.address, 6: request.address6}
        left = map(ip_address, self._former.pop(request.container_id, ()))
        former: dict[int, Address] = {address.version: address for address in left}
        taken: dict[int, tuple[Interface, Address | None]] = {}
        try:
            for version in sorted({subnet.version for subnet in self.addresses.subnets}):
                taken[version] = self.addresses.take(version, wanted[version], rather=former.get(version))
            self._refuse(wanted, taken.keys())
        except BaseException:
            for own, _ in taken.values():
                self.addresses.release(str(own.ip))
            raise
        endpoint = self._made(request, taken, mac, interface, with_gateway=with_gateway)
        self._known[endpoint.id] = endpoint
        return endpoint

    def _refuse(self, wanted: dict[int, Address | None], given: Iterable[int]) -> None:
        for version, address in wanted.items():
            if address is not None and version not in given:
                raise InvalidArgument(f"no configured subnet or ip-range contain the IP address {address}")

    def _made(
        self,
        request: EndpointRequest,
        taken: dict[int, tuple[Interface, Address | None]],
        mac: str,
        interface: str,
        *,
        with_gateway: bool,
    ) -> Endpoint:
        id = secrets.token_hex(32)
        own, router = taken.get(4, (None, None))
        own6, router6 = taken.get(6, (None, None))
        if self._with_mac and not mac:
            first = own or own6
            mac = mac_address(first.ip if first else None)
        return Endpoint(
            id=id,
            container_id=request.container_id,
            network=self._network,
            interface=f"{interface}{id[:7]}" if interface else "",
            mac_address=mac if self._with_mac else "",
            address=str(own.ip) if own else "",
            prefix_length=own.network.prefixlen if own else 0,
            gateway=str(router) if router and with_gateway else "",
            inner=request.interface,
            default_route=request.default_route,
            address6=str(own6.ip) if own6 else "",
            prefix_length6=own6.network.prefixlen if own6 else 0,
            gateway6=str(router6) if router6 and with_gateway else "",
            default_route6=request.default_route6,
            link_local=list(request.link_local),
            sysctls=list(request.sysctls),
        )

    def known(self, endpoint: Endpoint) -> Endpoint | None:
        """What was noted of it last."""
        return self._known.get(endpoint.id)

    def note(self, endpoint: Endpoint) -> None:
        """What is known of it is different now."""
        self._known[endpoint.id] = endpoint

    def restore(self, endpoints: Iterable[Endpoint]) -> None:
        """These are in use since before we began."""
        for endpoint in endpoints:
            self._known[endpoint.id] = endpoint
            for address in endpoint.addresses:
                self.addresses.restore(address)

    def forget(self, endpoint: Endpoint) -> bool:
        """Whether it was known until now. Its addresses stay taken until release()."""
        return self._known.pop(endpoint.id, None) is not None

    def release(self, endpoint: Endpoint) -> None:
        """Its addresses are free; the container gets them again when it comes back, unless others had to have them."""
        self._former[endpoint.container_id] = endpoint.addresses
        if len(self._former) > _REMEMBERED:
            del self._former[next(iter(self._former))]
        for address in endpoint.addresses:
            self.addresses.release(address)


def _mac_address(text: str) -> str:
    if not text:
        return ""
    try:
        return parse_mac(text).hex(":")
    except ValueError as error:
        raise EngineError(str(error)) from None
