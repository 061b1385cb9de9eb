"""What a request for a network may say at all. Refuses nonsense, in dockerd's words. Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec

from wharf.apitypes.networks import IPAM, NetworkCreateRequest
from wharf.engine.networks import bridge_options, parent_options, placing
from wharf.engine.networks.options import parse_flag
from wharf.engine.networks.record import BUILT_IN, NetworkRecord
from wharf.errors import InvalidArgument, NotFound, NotImplementedByUs, PermissionDenied

_ENABLE_IPV4: Final = "com.docker.network.enable_ipv4"
_ENABLE_IPV6: Final = "com.docker.network.enable_ipv6"
DRIVERS: Final = ("bridge", "ipvlan", "macvlan")


def check(asked: NetworkCreateRequest) -> None:
    """Raises what can be said before looking at other networks."""
    if not asked.name.strip():
        raise InvalidArgument("invalid name: name is empty")
    if asked.name in (*BUILT_IN, "default") or asked.name.startswith("container:"):
        # dockerd takes the last kind, but no container can be on such a network.
        raise PermissionDenied(f"operation is not permitted on predefined {asked.name} network ")
    if asked.ingress and not asked.config_only:
        raise PermissionDenied("Ingress network can only be global scope network")
    if asked.scope == "swarm":
        raise PermissionDenied("cannot create a swarm scoped network when swarm is not active")
    if asked.scope not in ("", "local"):
        raise NotImplementedByUs(f"networks of the scope {asked.scope} are not supported by this engine")
    _check_configuration(asked)
    if not asked.config_only:
        _check_driver(asked.driver)


def _check_configuration(asked: NetworkCreateRequest) -> None:
    """A network is a configuration, has one, or says all itself."""
    lender = asked.config_from.network if asked.config_from else ""
    if asked.config_only:
        if asked.ingress or asked.internal or asked.attachable or asked.scope:
            raise PermissionDenied(
                "configuration network can only contain network specific fields. Network operator fields like "
                "[ ingress | internal | attachable | scope ] are not supported."
            )
        if lender:
            raise PermissionDenied("a configuration network cannot depend on another configuration network")
    elif lender:
        if asked.options:
            raise PermissionDenied(
                "network driver options are not supported if the network depends on a configuration network"
            )
        ipam = asked.ipam or IPAM()
        if asked.labels or ipam.config or ipam.options or asked.enable_ipv6 or asked.enable_ipv4 is False:
            raise PermissionDenied(
                "user specified configurations are not supported if the network depends on a configuration network"
            )


def _check_driver(driver: str) -> None:
    if driver in ("", "default", *DRIVERS):
        return
    if driver in ("host", "null"):
        raise PermissionDenied(f'only one instance of "{driver}" network is allowed')
    if driver == "overlay":
        raise PermissionDenied(
            'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
            "to connect this node to swarm and try again."
        )
    raise NotFound(f'plugin "{driver}" not found')


def described(
    asked: NetworkCreateRequest, id: str, created: str, defaults: Mapping[str, Mapping[str, str]]
) -> NetworkRecord:
    """The record of a network that says all itself, but for the subnets that it gets.

    `defaults` are the daemon's options by driver. Raises InvalidArgument for options that make no sense.
    """
    driver = asked.driver if asked.driver not in ("", "default") else "bridge"
    options = dict(defaults.get(driver, {})) | asked.options if not asked.config_only else dict(asked.options)
    ipv4 = _enabled(_ENABLE_IPV4, options, asked.enable_ipv4, default=True)
    ipv6 = _enabled(_ENABLE_IPV6, options, asked.enable_ipv6, default=False)
    ipam = asked.ipam or IPAM()
    return NetworkRecord(
        id=id,
        name=asked.name,
        created=created,
        kind=driver,
        internal=asked.internal,
        attachable=asked.attachable,
        enable_ipv4=ipv4,
        enable_ipv6=ipv6,
        config_only=asked.config_only,
        asked_subnet=bool(ipam.config),
        options=options,
        labels=asked.labels,
        ipam=IPAM(driver=ipam.driver or "default", options=ipam.options, config=ipam.config or []),
    )


def borrowed(record: NetworkRecord, lender: NetworkRecord) -> NetworkRecord:
    """The record with the configuration of another."""
    return msgspec.structs.replace(
        record,
        config_from=lender.name,
        enable_ipv4=lender.enable_ipv4,
        enable_ipv6=lender.enable_ipv6,
        asked_subnet=bool(lender.ipam.config),
        options=lender.options,
        labels=lender.labels,
        ipam=lender.ipam,
    )


def _enabled(name: str, options: dict[str, str], asked: bool | None, *, default: bool) -> bool:
    """The request's own member comes before the option of the same meaning, which goes then."""
    if asked is not None:
        options.pop(name, None)
        return asked
    if name not in options:
        return default
    try:
        return parse_flag(name, options[name])
    except InvalidArgument:
        raise InvalidArgument(f'driver-opt "{name}" is not a valid bool') from None


def check_record(record: NetworkRecord) -> None:
    """Raises what a driver cannot do, before anything is made."""
    if record.config_only:
        return
    if record.kind == "bridge" and not record.enable_ipv4 and not record.enable_ipv6:
        raise InvalidArgument("IPv4 or IPv6 must be enabled")
    _check_addressing(record)
    if record.kind == "bridge":
        bridge_options.check(record)
    else:
        parent_options.check(record)


def _check_addressing(record: NetworkRecord) -> None:
    """Whether addresses can come from where the record says."""
    if record.ipam.driver == "dhcp":
        parent_options.check_lending(record)
    elif record.ipam.driver == "null":
        if placing.used_subnets(record):
            raise InvalidArgument("null ipam driver does not handle specific address pool requests")
        # As dockerd: a network of a version of IP without any addresses of it is none.
        for version, enabled in ((4, record.enable_ipv4), (6, record.enable_ipv6)):
            if enabled:
                raise InvalidArgument(f"ipv{version} pool is empty")
    elif record.ipam.driver != "default":
        raise NotFound(f'plugin "{record.ipam.driver}" not found')
