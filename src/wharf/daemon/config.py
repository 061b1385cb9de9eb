"""The daemon's configuration: daemon.json and flags, merged, checked and typed. Pure but for reading the file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from wharf.daemon import checks
from wharf.daemon.flags import parse_flags
from wharf.daemon.options import BY_KEY, NOT_OFFERED, Json
from wharf.errors import EngineError, InvalidArgument, NotImplementedByUs

DEFAULT_FILE: Final = Path("/etc/wharf/daemon.json")


class RuntimeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of `runtimes` in daemon.json."""

    path: str
    runtime_args: tuple[str, ...] = msgspec.field(name="runtimeArgs", default=())


class UlimitEntry(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    name: str = ""
    soft: int = 0
    hard: int = 0


class AddressPoolEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of `default-address-pools`: a range, and the prefix length of the subnets it is cut into."""

    base: str
    size: int


class Config(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Every option with its value. Names are those of daemon.json, with underscores."""

    allow_plain_tcp: bool = False
    bip: str = ""
    bip6: str = ""
    bridge: str = "wharf0"
    cdi_spec_dirs: tuple[str, ...] = ("/etc/cdi", "/var/run/cdi")
    cgroup_parent: str = ""
    config_file: str = str(DEFAULT_FILE)
    cpu_rt_period: int = 0
    cpu_rt_runtime: int = 0
    data_root: str = "/var/lib/wharf"
    debug: bool = False
    default_address_pools: tuple[AddressPoolEntry, ...] = ()
    default_cgroupns_mode: str = ""
    default_gateway: str = ""
    default_gateway_v6: str = ""
    default_ipc_mode: str = "private"
    default_network_opts: dict[str, dict[str, str]] = {}
    default_runtime: str = ""
    default_shm_size: str | int = "64m"
    default_ulimits: dict[str, UlimitEntry] = {}
    dns: tuple[str, ...] = ()
    dns_opts: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    exec_opts: tuple[str, ...] = ()
    exec_root: str = "/run/wharf"
    firewall: str = "own"
    fixed_cidr: str = ""
    fixed_cidr_v6: str = ""
    group: str = "docker"
    hosts: tuple[str, ...] = ()
    host_gateway_ip: str = ""
    icc: bool = True
    init: bool = False
    init_path: str = ""
    insecure_registries: tuple[str, ...] = ()
    ip: str = ""
    ip6tables: bool = True
    ip_forward: bool = True
    ip_forward_no_drop: bool = False
    ip_masq: bool = True
    iptables: bool = True
    ipv6: bool = False
    labels: tuple[str, ...] = ()
    live_restore: bool = True
    log_driver: str = "json-file"
    log_format: str = "text"
    log_level: str = "info"
    log_opts: dict[str, str] = {}
    max_concurrent_downloads: int = 3
    mtu: int = 0
    no_new_privileges: bool = False
    pidfile: str = "/run/wharf.pid"
    plugin_socket_dirs: tuple[str, ...] = ("/run/docker/plugins",)
    plugin_spec_dirs: tuple[str, ...] = ("/etc/docker/plugins", "/usr/lib/docker/plugins")
    plugin_timeout: int = 120
    registry_mirrors: tuple[str, ...] = ()
    runtimes: dict[str, RuntimeEntry] = {}
    seccomp_profile: str = ""
    shutdown_timeout: int = 15
    storage_driver: str = ""
    storage_opts: tuple[str, ...] = ()
    tls: bool = False
    tlscacert: str = ""
    tlscert: str = ""
    tlskey: str = ""
    tlsverify: bool = False
    userland_proxy: bool = True
    userns_pool: str = ""
    userns_remap: str = ""

    validate: bool = False
    version: bool = False
    help: bool = False


def load(arguments: Sequence[str]) -> Config:
    """The configuration that flags and daemon.json make together.

    Raises EngineError with one line for the user: an unknown or doubly given option, a wrong value, an unreadable
    file. Options that only dockerd has are refused, never ignored.
    """
    flags = parse_flags(arguments)
    if flags.get("help") or flags.get("version"):
        return msgspec.convert({name: flags[name] for name in ("help", "version") if name in flags}, Config)
    named = "config-file" in flags
    path = Path(str(flags.get("config-file", DEFAULT_FILE)))
    found = read_file(path, required=named)
    _refuse_doubles(flags, found)
    return parse({**found, **flags})


def read_file(path: Path, *, required: bool) -> dict[str, Json]:
    """The options in daemon.json; none when there is no file and it is not `required`."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        if not required:
            return {}
        raise EngineError(_unusable(path, f"open {path}: no such file or directory")) from None
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(_unusable(path, str(error))) from None
    return parse_file(text, path)


def parse_file(text: str, path: Path = DEFAULT_FILE) -> dict[str, Json]:
    """The options in the text of daemon.json. Raises EngineError for unknown ones, and for those we do not offer."""
    if not text.strip():
        return {}
    try:
        found = json.loads(text, object_pairs_hook=_without_doubles)
    except ValueError as error:
        raise EngineError(_unusable(path, str(error))) from None
    if not isinstance(found, dict):
        raise EngineError(_unusable(path, "expected a JSON object"))
    unknown = sorted(key for key in found if key not in BY_KEY and key not in NOT_OFFERED)
    if unknown:
        problem = f"the following directives don't match any configuration option: {', '.join(unknown)}"
        raise EngineError(_unusable(path, problem))
    for key in found.keys() & NOT_OFFERED.keys():
        if not any(found[key] == value and type(found[key]) is type(value) for value in NOT_OFFERED[key]):
            raise NotImplementedByUs(_unusable(path, f"the option {key!r} is not implemented by this engine"))
    return {key: value for key, value in found.items() if key in BY_KEY}


def parse(values: Mapping[str, Json]) -> Config:
    """Typed and checked. Raises InvalidArgument."""
    try:
        config = msgspec.convert(dict(values), Config)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"invalid configuration: {error}") from None
    checks.check(config)
    return config


def _refuse_doubles(flags: Mapping[str, Json], found: Mapping[str, Json]) -> None:
    doubles = [
        f"{name}: (from flag: {_shown(flags[name])}, from file: {_shown(found[name])})"
        for name in sorted(flags.keys() & found.keys())
    ]
    if doubles:
        raise InvalidArgument(
            "the following directives are specified both as a flag and in the configuration file: " + ", ".join(doubles)
        )


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _without_doubles(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice: " + ", ".join(sorted({k for k, _ in pairs if _count(pairs, k) > 1})))
    return found


def _count(pairs: list[tuple[str, Json]], key: str) -> int:
    return sum(name == key for name, _ in pairs)


def _unusable(path: Path, problem: str) -> str:
    return f"unable to configure the daemon with file {path}: {problem}"
