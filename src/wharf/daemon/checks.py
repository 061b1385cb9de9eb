"""What a configuration must keep besides its types. Pure."""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from wharf.apitypes.containers import LogConfig
from wharf.daemon.hosts import TcpHost, parse_host
from wharf.engine.config import LogDefaults
from wharf.engine.logs import drivers
from wharf.errors import InvalidArgument, NotImplementedByUs
from wharf.network.subnets import Address, Interface, Network
from wharf.spec import sizes

if TYPE_CHECKING:
    from wharf.daemon.config import Config

LOG_LEVELS: Final = ("debug", "info", "warn", "error", "fatal")
ULIMITS: Final = frozenset(
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split()
)


def check(config: "Config") -> None:
    """Raises InvalidArgument, with one line, for the first thing that is wrong."""
    for problem in _problems(config):
        raise InvalidArgument(problem)
    _check_hosts(config)
    parse_size(config.default_shm_size)
    cgroup_driver(config.exec_opts)
    storage_size(config.storage_opts, config.storage_driver)
    _check_addresses(config)
    _check_logs(config)


def _check_logs(config: "Config") -> None:
    """What a container would be refused for is refused here, before there are any."""
    try:
        logs = LogDefaults.of(config.log_driver, config.log_opts)
        drivers.check(LogConfig(type=logs.driver, config=dict(logs.options)))
    except InvalidArgument as error:
        raise InvalidArgument(f"failed to set log opts: {error}") from None


def _problems(config: "Config") -> Iterator[str]:
    if config.log_level not in LOG_LEVELS:
        yield f'status of logging level is invalid: "{config.log_level}" is not one of {", ".join(LOG_LEVELS)}'
    if config.log_format not in ("text", "json"):
        yield f'invalid log format: "{config.log_format}"'
    if config.firewall not in ("own", "host"):
        yield f'invalid firewall: "{config.firewall}": expected own or host'
    if config.plugin_timeout <= 0:
        yield f"invalid plugin-timeout: {config.plugin_timeout}: expected a number of seconds"
    if config.storage_driver not in ("", "overlay2", "btrfs", "vfs"):
        yield f'unknown storage driver "{config.storage_driver}": this engine has overlay2, btrfs, vfs'
    if config.default_ipc_mode not in ("private", "shareable"):
        yield f'default IPC mode setting ({config.default_ipc_mode}) is invalid; use "shareable" or "private"'
    if config.default_cgroupns_mode not in ("", "private", "host"):
        yield f'default cgroup namespace mode ("{config.default_cgroupns_mode}") must be "private" or "host"'
    if config.max_concurrent_downloads < 1:
        yield f"invalid max concurrent downloads: {config.max_concurrent_downloads}"
    if config.mtu < 0 or 0 < config.mtu < 68 or config.mtu > 65535:
        yield f"invalid default MTU: {config.mtu}"
    if config.shutdown_timeout < -1:
        yield f"invalid shutdown timeout: {config.shutdown_timeout}"
    for label in config.labels:
        if not re.fullmatch(r"[^=]+=.*", label, re.DOTALL):
            yield f"bad attribute format: {label}"
    for name, value in (("data-root", config.data_root), ("exec-root", config.exec_root), ("pidfile", config.pidfile)):
        if not value or "\0" in value:
            yield f"{name} must not be empty"
    yield from _problems_of_names(config)


def _problems_of_names(config: "Config") -> Iterator[str]:
    for mirror in config.registry_mirrors:
        parts = urlsplit(mirror)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            yield f'invalid mirror: "{mirror}" must be an http:// or https:// address'
        elif parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
            yield f'invalid mirror: path, query, or user information in "{mirror}"'
    for registry in config.insecure_registries:
        if "://" in registry or registry.startswith("-") or not registry:
            yield f"insecure registry {registry} is not valid: expected HOST[:PORT] or a CIDR"
    for name, limit in config.default_ulimits.items():
        if name not in ULIMITS or (limit.name and limit.name != name):
            yield f"invalid ulimit type: {name}"
        if limit.hard != -1 and (limit.soft > limit.hard or limit.soft == -1):
            yield f"ulimit soft limit must be less than or equal to hard limit: {limit.soft} > {limit.hard}"
    for name, runtime in config.runtimes.items():
        if name in ("crun", "runc"):
            yield f"runtime name '{name}' is reserved"
        if not runtime.path:
            yield f"runtime '{name}' has no path"
    known = {"", "crun", "runc", *config.runtimes}
    if config.default_runtime not in known:
        yield f"specified default runtime '{config.default_runtime}' does not exist"
    if not re.fullmatch(r"none|[A-Za-z0-9_.-]{1,15}", config.bridge):
        yield f"invalid bridge name: {config.bridge!r} (1 to 15 letters, digits, '_', '.' or '-')"


def _check_hosts(config: "Config") -> None:
    encrypted = config.tls or config.tlsverify
    hosts = [parse_host(text, tls=encrypted) for text in config.hosts]
    if encrypted and not (config.tlscert and config.tlskey):
        raise InvalidArgument("TLS needs both tlscert and tlskey")
    if config.tlsverify and not config.tlscacert:
        raise InvalidArgument("tlsverify needs tlscacert")
    for host in hosts:
        if isinstance(host, TcpHost) and not config.tlsverify and not config.allow_plain_tcp:
            raise InvalidArgument(
                f"refusing to serve {host} without client certificates: whoever can connect would be root here; "
                "give --tlsverify, or --allow-plain-tcp if you mean it"
            )
    for entry in config.runtimes.values():
        if entry.runtime_args:
            raise NotImplementedByUs("the option 'runtimeArgs' of a runtime is not implemented by this engine")


def _check_addresses(config: "Config") -> None:
    try:
        bip = ipaddress.IPv4Interface(config.bip) if config.bip else None
        cidr = ipaddress.IPv4Network(config.fixed_cidr, strict=False) if config.fixed_cidr else None
        bip6 = ipaddress.IPv6Interface(config.bip6) if config.bip6 else None
        cidr6 = ipaddress.IPv6Network(config.fixed_cidr_v6, strict=False) if config.fixed_cidr_v6 else None
        router = ipaddress.IPv4Address(config.default_gateway) if config.default_gateway else None
        router6 = ipaddress.IPv6Address(config.default_gateway_v6) if config.default_gateway_v6 else None
        for address in (config.ip, config.host_gateway_ip, *config.dns):
            if address:
                ipaddress.ip_address(address)
    except ValueError as error:
        raise InvalidArgument(f"invalid address: {error}") from None
    _check_bridge("bip", config.bip, bip, cidr, router)
    _check_bridge("bip6", config.bip6, bip6, cidr6, router6)
    _check_pools(config)
    if config.bip and config.bridge == "none":
        raise InvalidArgument("bip and bridge=none exclude each other")
    if relative := [path for path in config.cdi_spec_dirs if path and not PurePath(path).is_absolute()]:
        raise InvalidArgument(f"cdi-spec-dirs must be absolute: {relative[0]}")
    if config.init_path and not PurePath(config.init_path).is_absolute():
        raise InvalidArgument(f"init-path must be absolute: {config.init_path}")


def _check_bridge(name: str, text: str, bip: Interface | None, cidr: Network | None, router: Address | None) -> None:
    """What the default bridge's options for one version of IP say together."""
    if bip is not None and ("/" not in text or bip.ip == bip.network.network_address):
        raise InvalidArgument(
            f"invalid {name} {text!r}: expected the bridge's address and prefix, as 172.17.0.1/16 or fd00:1::1/64"
        )
    if bip is not None and cidr is not None and not _is_part(cidr, bip.network):
        raise InvalidArgument(f"fixed-cidr {cidr} is not part of the bridge's range {bip.network}")
    whole = bip.network if bip is not None else cidr
    if router is not None and (whole is None or router not in whole):
        raise InvalidArgument(f"default gateway {router} is not part of the bridge's range (give one by {name})")


def _is_part(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner.network_address in outer and inner.prefixlen >= outer.prefixlen


def _check_pools(config: "Config") -> None:
    for pool in config.default_address_pools:
        try:
            base = ipaddress.ip_network(pool.base)
        except ValueError:
            raise InvalidArgument(f"invalid base pool {pool.base!r}: expected a range, as 10.10.0.0/16") from None
        if not base.prefixlen <= pool.size <= base.max_prefixlen - 1:
            raise InvalidArgument(f"invalid pools size: {pool.size} for the base pool {base}")


def parse_size(value: str | int) -> int:
    """Bytes in `64m` or `1g`; a bare number is bytes. Raises InvalidArgument for anything else and for nothing."""
    size = sizes.parse_size(str(value))
    if size == 0:
        raise InvalidArgument(f"invalid size: '{value}'")
    return size


def storage_size(storage_opts: tuple[str, ...], driver: str) -> int:
    """The bytes of overlay2.size, 0 if it is not given."""
    size = 0
    for option in storage_opts:
        name, equals, value = option.partition("=")
        name = name.strip().lower()
        if not equals:
            raise InvalidArgument(f"Unable to parse key/value option: {option}")
        if name not in ("overlay2.size", "size") or driver == "vfs":
            raise InvalidArgument(f"{driver or 'overlay2'}: unknown option {name}")
        size = sizes.parse_size(value.strip())
    return size


def cgroup_driver(exec_opts: tuple[str, ...]) -> str:
    """The driver that native.cgroupdriver names, "" if it is not given."""
    driver = ""
    for option in exec_opts:
        name, _, value = option.partition("=")
        if name.strip().lower() != "native.cgroupdriver":
            raise InvalidArgument(f"invalid option: {option}")
        if value not in ("cgroupfs", "systemd"):
            raise InvalidArgument(f"native.cgroupdriver option {value} not supported")
        driver = value
    return driver
