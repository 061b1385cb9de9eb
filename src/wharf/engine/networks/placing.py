"""Which subnets a network gets: as asked, or from the pools. Refuses nonsense, in dockerd's words. Pure."""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

import msgspec

from wharf.apitypes.networks import IPAMConfig
from wharf.engine.networks.record import NetworkRecord
from wharf.errors import EngineError, InvalidArgument, PermissionDenied
from wharf.network.subnets import Address, Network, PoolOfSubnets, Subnet, choose_subnet, overlapping

_LENGTH: Final = re.compile(r"/(0|[1-9][0-9]*)\Z")
OVERLAP: Final = "invalid pool request: Pool overlaps with other one on this address space"


def joined(what: str, problems: Sequence[str]) -> str:
    """How dockerd tells of several problems at once."""
    lines = problems if len(problems) == 1 else [f"* {problem}" for problem in problems]
    return f"{what}:\n" + "\n".join(lines)


# ── what is asked ──


def check(configs: Iterable[IPAMConfig]) -> None:
    """Raises InvalidArgument with all that is wrong."""
    if problems := [problem for config in configs for problem in _problems(config)]:
        raise InvalidArgument(joined("invalid network config", problems))


def _problems(config: IPAMConfig) -> Iterator[str]:
    subnet = _network(config.subnet)
    if subnet is None:
        yield f"invalid subnet {config.subnet}: invalid CIDR block notation"
        return
    if misplaced := _misplaced(config.subnet, subnet):
        yield f"invalid subnet {config.subnet}: {misplaced}"
    if config.ip_range:
        for problem in _range_problems(config.ip_range, subnet):
            yield f"invalid ip-range {config.ip_range}: {problem}"
    if config.gateway:
        for problem in _address_problems(config.gateway, subnet):
            yield f"invalid gateway {config.gateway}: {problem}"
    for name, text in config.auxiliary_addresses.items():
        for problem in _address_problems(text, subnet):
            yield f"invalid auxiliary address {name}: {problem}"


def _network(text: str) -> Network | None:
    """None for what is none to Go: it takes no masks (/255.0.0.0), lengths like /024, or zones (fd00::%x/64)."""
    try:
        found = ip_network(text, strict=False) if _LENGTH.search(text) and "%" not in text else None
    except ValueError:
        return None
    return None if found is None or _is_mapped(found.network_address) else found


def _is_mapped(address: Address) -> bool:
    """Whether it is IPv4 in disguise, `::ffff:10.0.0.1`."""
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


def _misplaced(text: str, network: Network) -> str:
    is_right = ip_address(text.partition("/")[0]) == network.network_address
    return "" if is_right else f"it should be {network}"


def _range_problems(text: str, subnet: Network) -> Iterator[str]:
    found = _network(text)
    if found is None:
        yield "invalid CIDR block notation"
    elif found.version != subnet.version:
        yield f"parent subnet is an IPv{subnet.version} block"
    elif found.prefixlen < subnet.prefixlen:
        yield f"CIDR block is bigger than its parent subnet {subnet}"
    elif misplaced := _misplaced(text, found):
        yield misplaced
    elif not found.overlaps(subnet):
        yield f"parent subnet {subnet} doesn't contain ip-range"


def _address_problems(text: str, subnet: Network) -> Iterator[str]:
    try:
        address = ip_address(text)
    except ValueError:
        yield "invalid address"
        return
    if address.version != subnet.version:
        yield f"parent subnet is an IPv{subnet.version} block"
    elif address not in subnet or "%" in text:  # a zone is of another place
        yield f"parent subnet {subnet} doesn't contain this address"


# ── what it gets ──


def placed(
    record: NetworkRecord,
    pools: Sequence[PoolOfSubnets],
    *,
    on_host: Iterable[Network],
    ours: Iterable[Network],
    gateways: Container[int],
) -> NetworkRecord:
    """The record with its subnets and gateways: as asked, or of a pool that meets nothing.

    `on_host` are the networks that the host knows, `ours` those of other records (whose bridges may be closed);
    `gateways` are the versions of IP for which it has a router.
    Raises PermissionDenied for what overlaps another network, EngineError for addresses that cannot be had.
    """
    taken = list(ours)
    configs = []
    for config in record.ipam.config:
        network = ip_network(config.subnet)
        if _enabled(record, network.version):
            _check_place(network, taken)
            taken.append(network)
            config = _with_gateway(config, network) if network.version in gateways else config
        configs.append(config)
    given = {ip_network(config.subnet).version for config in configs}
    for version in () if record.lends else (4, 6):
        if version not in given and _enabled(record, version):
            network = choose_subnet(pools, [*on_host, *taken], version)
            configs.append(IPAMConfig(subnet=str(network), gateway=str(network[1]) if version in gateways else ""))
    configs.sort(key=lambda config: ip_network(config.subnet).version)
    return msgspec.structs.replace(record, ipam=msgspec.structs.replace(record.ipam, config=configs))


def _enabled(record: NetworkRecord, version: int) -> bool:
    return record.enable_ipv4 if version == 4 else record.enable_ipv6


def _check_place(network: Network, taken: Iterable[Network]) -> None:
    if network.prefixlen == 0:
        raise InvalidArgument(f"ipv{network.version} pool is empty")
    if network.is_multicast:
        raise InvalidArgument(f"multicast subnet '{network[1]}/{network.prefixlen}' is not allowed")
    if overlapping(network, taken):
        raise PermissionDenied(OVERLAP)


def _with_gateway(config: IPAMConfig, network: Network) -> IPAMConfig:
    edges = Subnet(network).edges
    reserved = {ip_address(text) for text in config.auxiliary_addresses.values()}
    gone = {*edges, *(ip_address(text) for text in (config.gateway,) if text)}
    for name, text in config.auxiliary_addresses.items():
        if ip_address(text) in gone:
            raise EngineError(f"failed to allocate secondary ip address ({name}:{text}): Address already in use")
        gone.add(ip_address(text))
    if config.gateway:
        if ip_address(config.gateway) in edges:
            raise EngineError(f"failed to allocate gateway ({config.gateway}): Address already in use")
        return config
    gateway = _first_free(_network(config.ip_range) or network, {*edges, *reserved})
    return msgspec.structs.replace(config, gateway=str(gateway))


def _first_free(pool: Network, kept: set[Address]) -> Address:
    for offset in range(min(pool.num_addresses, len(kept) + 1)):
        if (address := pool[offset]) not in kept:
            return address
    raise EngineError("failed to allocate gateway (): no available addresses on this pool")


def conflicts(record: NetworkRecord, on_host: Sequence[Network]) -> list[str]:
    """Warnings: what the user chose and what this host already has another way to."""
    if not record.asked_subnet or record.kind != "bridge":
        return []
    found = []
    for subnet in used_subnets(record):
        if (other := overlapping(subnet.network, on_host)) is not None:
            found.append(f"subnet {subnet.network} overlaps {other}, which this host has a route to")
    return found


def unused(record: NetworkRecord) -> list[str]:
    """Warnings: subnets of a version of IP that the network does not have."""
    networks = (ip_network(config.subnet) for config in record.ipam.config)
    return [
        f"subnet {network} is not used: IPv{network.version} is not enabled on this network"
        for network in networks
        if not _enabled(record, network.version)
    ]


# ── what it has ──


def used_subnets(record: NetworkRecord) -> tuple[Subnet, ...]:
    """The subnets of a record, those of the versions of IP that it has."""
    return tuple(
        Subnet(
            ip_network(config.subnet),
            ip_address(config.gateway) if config.gateway else None,
            pool=_network(config.ip_range) if config.ip_range else None,
            reserved=frozenset(ip_address(text) for text in config.auxiliary_addresses.values()),
        )
        for config in record.ipam.config
        if config.subnet and _enabled(record, ip_network(config.subnet).version)
    )


def networks(record: NetworkRecord) -> list[Network]:
    """The ranges that nobody else may have. A mere configuration takes none."""
    return [] if record.config_only else [subnet.network for subnet in used_subnets(record)]
