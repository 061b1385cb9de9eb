"""The daemon's options: their flags, their keys in daemon.json, and how a flag's text becomes JSON. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wharf.errors import InvalidArgument
from wharf.spec.booleans import parse_bool

Texts = Sequence[str]
Json = object  # what json.loads gives


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `fold` makes the value of all texts that the flag was given, in their order."""

    flag: str
    help: str
    fold: Callable[[Texts], Json]
    key: str = ""  # in daemon.json; "" is the flag's name
    short: str = ""
    kind: str = "string"  # for --help; "bool" flags take no argument
    file: bool = True  # whether daemon.json may have it

    @property
    def name(self) -> str:
        return self.key or self.flag


def _last(texts: Texts) -> Json:
    return texts[-1]


def _all(texts: Texts) -> Json:
    return list(texts)


def _split(texts: Texts) -> Json:
    return [part for text in texts for part in text.split(",")]


def _number(texts: Texts) -> Json:
    if not re.fullmatch(r"[+-]?[0-9]+", texts[-1]):
        raise InvalidArgument(f'invalid argument "{texts[-1]}": not a whole number')
    return int(texts[-1])


def _truth(texts: Texts) -> Json:
    try:
        return parse_bool(texts[-1])
    except ValueError:
        raise InvalidArgument(f'invalid argument "{texts[-1]}": not true or false') from None


def _pairs(texts: Texts) -> Json:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidArgument(f'invalid argument "{text}": expected name=value')
        found[name] = value
    return found


def _ulimits(texts: Texts) -> Json:
    found = {}
    for text in texts:
        match = re.fullmatch(r"([a-z]+)=(-?[0-9]+)(?::(-?[0-9]+))?", text)
        if match is None:
            raise InvalidArgument(f'invalid argument "{text}": expected name=soft[:hard]')
        soft = int(match[2])
        found[match[1]] = {"Name": match[1], "Soft": soft, "Hard": int(match[3]) if match[3] else soft}
    return found


def _runtimes(texts: Texts) -> Json:
    pairs = _pairs(texts)
    assert isinstance(pairs, dict)
    return {name: {"path": path} for name, path in pairs.items()}


def _address_pools(texts: Texts) -> Json:
    """`base=10.10.0.0/16,size=24`, each."""
    found = []
    for text in texts:
        pair = _pairs(text.split(","))
        assert isinstance(pair, dict)
        if set(pair) != {"base", "size"} or not pair["size"].isdecimal():
            raise InvalidArgument(f'invalid argument "{text}": expected base=RANGE,size=PREFIX')
        found.append({"base": pair["base"], "size": int(pair["size"])})
    return found


def _network_options(texts: Texts) -> Json:
    """`bridge=com.docker.network.driver.mtu=1400`, each."""
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        driver, _, option = text.partition("=")
        name, equals, value = option.partition("=")
        if not driver or not name or not equals:
            raise InvalidArgument(f'invalid argument "{text}": expected DRIVER=name=value')
        found.setdefault(driver, {})[name] = value
    return found


def _text(flag: str, help: str, *, short: str = "", file: bool = True) -> Option:
    return Option(flag, help, _last, short=short, file=file)


def _flag(flag: str, help: str, *, short: str = "", file: bool = True) -> Option:
    return Option(flag, help, _truth, short=short, kind="bool", file=file)


def _many(flag: str, key: str, help: str, *, short: str = "", fold: Callable[[Texts], Json] = _all) -> Option:
    return Option(flag, help, fold, key=key, short=short, kind="list")


def _int(flag: str, help: str) -> Option:
    return Option(flag, help, _number, kind="int")


OPTIONS: Final = (
    Option("add-runtime", "Register another OCI runtime, name=path", _runtimes, key="runtimes", kind="list"),
    _flag("allow-plain-tcp", "Serve TCP without client certificates: anyone who can connect is root"),
    _text("bip", "Address and range of the default bridge, as 172.17.0.1/16"),
    _text("bip6", "Address and range of the default bridge for IPv6, as fd00:1::1/64"),
    _text("bridge", 'Name of the default bridge, or "none"', short="b"),
    _many("cdi-spec-dir", "cdi-spec-dirs", "Directories of descriptions of devices (CDI)"),
    _text("cgroup-parent", "Parent cgroup of all containers"),
    _text("config-file", "Configuration file", file=False),
    _int("cpu-rt-period", "Real-time period of the containers' parent group, in microseconds"),
    _int("cpu-rt-runtime", "Real-time CPU time of all containers together in a period, in microseconds"),
    _text("data-root", "Directory for what must survive a reboot"),
    _flag("debug", "Log more", short="D"),
    _many(
        "default-address-pool",
        "default-address-pools",
        "Where networks get subnets from, base=RANGE,size=PREFIX",
        fold=_address_pools,
    ),
    _text("default-cgroupns-mode", 'Cgroup namespace of new containers ("host" or "private")'),
    _text("default-gateway", "Way out of containers on the default bridge; without it, the bridge"),
    _text("default-gateway-v6", "The same for IPv6"),
    _text("default-ipc-mode", 'IPC mode of new containers ("private" or "shareable")'),
    _many(
        "default-network-opt",
        "default-network-opts",
        "Options of new networks, DRIVER=name=value",
        fold=_network_options,
    ),
    _text("default-runtime", "OCI runtime of containers that name none"),
    _text("default-shm-size", "Size of /dev/shm, as 64m"),
    _many("default-ulimit", "default-ulimits", "Resource limits of new containers, name=soft[:hard]", fold=_ulimits),
    _many("dns", "dns", "DNS servers"),
    _many("dns-opt", "dns-opts", "DNS options"),
    _many("dns-search", "dns-search", "DNS search domains"),
    _many("exec-opt", "exec-opts", "native.cgroupdriver=cgroupfs|systemd"),
    _text("exec-root", "Directory for what need not survive a reboot"),
    _text("firewall", 'Whose rules published ports obey where nothing else is asked for ("own" or "host")'),
    _text("fixed-cidr", "Part of the bridge's range for containers"),
    _text("fixed-cidr-v6", "The same for IPv6"),
    _text("group", "Group of the unix socket", short="G"),
    _many("host", "hosts", "Where to serve the API: unix://, tcp://, fd://", short="H", fold=_split),
    _text("host-gateway-ip", "What host-gateway in --add-host stands for"),
    _flag("icc", "Let containers of the default bridge talk to one another"),
    _flag("init", "Run an init process in containers"),
    _text("init-path", "The init program"),
    _many("insecure-registry", "insecure-registries", "Registries reached by HTTP or unverified TLS", fold=_split),
    _text("ip", "Address on which ports are published by default"),
    _flag("ip6tables", "Make firewall rules for IPv6"),
    _flag("ip-forward", "Make the host a router, so that containers reach others"),
    _flag("ip-forward-no-drop", "And do not keep it from forwarding for others than containers"),
    _flag("ip-masq", "Masquerade what containers send out"),
    _flag("iptables", "Make firewall rules (nftables)"),
    _flag("ipv6", "Give containers of the default bridge IPv6"),
    _many("label", "labels", "Labels of this engine, key=value"),
    _flag("live-restore", "Containers go on when the daemon stops"),
    _text("log-driver", "Log driver of containers that name none"),
    _text("log-format", 'Form of the daemon\'s log ("text" or "json")'),
    _text("log-level", 'How much to log ("debug", "info", "warn", "error", "fatal")', short="l"),
    Option("log-opt", "Options of the log driver, name=value", _pairs, key="log-opts", kind="list"),
    _int("max-concurrent-downloads", "Layers that one pull fetches at a time"),
    _int("mtu", "MTU of container networks"),
    _flag("no-new-privileges", "Set no-new-privileges in new containers"),
    _text("pidfile", "File for the daemon's process id", short="p"),
    _many("plugin-socket-dir", "plugin-socket-dirs", "Where plugins have their sockets"),
    _many("plugin-spec-dir", "plugin-spec-dirs", "Where files (.spec, .json) name the addresses of plugins"),
    _int("plugin-timeout", "Seconds that a plugin may take for what it does"),
    _many("registry-mirror", "registry-mirrors", "Mirrors of docker.io", fold=_split),
    _text("seccomp-profile", 'Seccomp profile: a path, or "unconfined"'),
    _int("shutdown-timeout", "Seconds that containers get when the daemon stops (without live-restore)"),
    _many("storage-opt", "storage-opts", "overlay2.size=SIZE: what containers may write that do not say"),
    _text("storage-driver", 'Storage driver ("overlay2", "btrfs" or "vfs")', short="s"),
    _flag("tls", "Use TLS on TCP sockets"),
    _text("tlscacert", "Certificates of who may sign clients' certificates"),
    _text("tlscert", "The daemon's certificate"),
    _text("tlskey", "The key of the daemon's certificate"),
    _flag("tlsverify", "Use TLS and demand a certificate of clients"),
    _flag("userland-proxy", "Accepted; ports are published by the kernel in either case"),
    _text("userns-pool", "Host ids for --userns=auto: FIRST:SIZE, or a user of /etc/subuid"),
    _text("userns-remap", "User namespace of all containers: default, user[:group] or uid[:gid]"),
    _flag("validate", "Check the configuration and exit", file=False),
    _flag("version", "Print the version and exit", short="v", file=False),
    _flag("help", "Print this and exit", short="h", file=False),
)

BY_FLAG: Final = {option.flag: option for option in OPTIONS}
BY_SHORT: Final = {option.short: option for option in OPTIONS if option.short}
BY_KEY: Final = {option.name: option for option in OPTIONS if option.file}

#: dockerd's options that this engine does not offer, by flag and by key; with a value that changes nothing, if any.
NOT_OFFERED: Final[Mapping[str, tuple[Json, ...]]] = {
    "allow-nondistributable-artifacts": ([],),
    "api-cors-header": ("",),
    "authorization-plugin": (),
    "authorization-plugins": ([],),
    "bridge-accept-fwmark": (),
    "builder": (),
    "containerd": ("",),
    "containerd-namespace": (),
    "containerd-plugins-namespace": (),
    "containerd-snapshotter": (),
    "experimental": (False,),
    "features": ({}, {"cdi": True}),
    "firewall-backend": ("", "nftables"),
    "http-proxy": ("",),
    "https-proxy": ("",),
    "max-concurrent-uploads": (5,),
    "max-download-attempts": (5,),
    "metrics-addr": ("",),
    "min-api-version": ("1.24",),
    "network-control-plane-mtu": (1500,),
    "no-proxy": ("",),
    "node-generic-resource": (),
    "node-generic-resources": ([],),
    "oom-score-adjust": (0,),
    "proxies": ({},),
    "raw-logs": (False,),
    "rootless": (False,),
    "selinux-enabled": (False,),
    "swarm-default-advertise-addr": ("",),
    "userland-proxy-path": ("",),
}
