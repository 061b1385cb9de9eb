"""The `run` command that would make a container again, from what inspect says of it and of its image. Pure.

Only what differs from the image and from the engine's defaults is said. What no flag can say is told beside.
"""

from wharf.cli.commands.container import kinds, spelling
from wharf.cli.commands.container.flags import FLAGS
from wharf.cli.commands.container.options import PLAIN
from wharf.cli.flags import BOOL, Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Document = dict[str, Any]

SHM_SIZE = 64 << 20
# How a value of each kind of flag is written; others are written as they are.
SPELLINGS: "Mapping[Kind, Callable[[Any], str]]" = {
    kinds.BYTES: spelling.size,
    kinds.SWAP: spelling.size,
    kinds.CPUS: spelling.cpus,
    kinds.WEIGHTS: spelling.weight,
    kinds.BYTE_RATES: spelling.byte_rate,
    kinds.RATES: spelling.rate,
}
BY_NAME = {flag.name: flag for flag in FLAGS}
# Members that flags of their own say, and such as mean nothing for a new container.
SAID_ELSEWHERE = frozenset(
    """
    Annotations Binds CapAdd CapDrop ConsoleSize ContainerIDFile DeviceRequests Devices DnsOptions Idmaps Init
    LogConfig MaskedPaths MemorySwappiness Mounts NetworkMode PortBindings ReadonlyPaths RestartPolicy SecurityOpt
    StorageOpt Sysctls Tmpfs Ulimits Cgroup KernelMemory KernelMemoryTCP
    """.split()
)


class Facts:
    """What of the engine decides its defaults: parts of the answer to `info`."""

    __slots__ = ("host_name", "log_driver", "log_options", "runtime", "unified")

    def __init__(self, info: "Document") -> None:
        self.host_name = info.get("Name", "")
        self.runtime = info.get("DefaultRuntime", "")
        self.log_driver = info.get("LoggingDriver", "json-file")
        self.log_options = info.get("LoggingOptions") or {}  # dockerd does not tell them
        self.unified = info.get("CgroupVersion") == "2"


def run_words(found: "Document", image: "Document", facts: Facts) -> "tuple[list[str], list[str]]":
    """The words after `run`, and what they do not say. `image` is what inspect says of it, {} when it is gone."""
    config, host = found["Config"], found["HostConfig"]
    base = image.get("Config") or {}
    entrypoint, command = _command(config, base)
    unsaid: list[str] = []
    words = [
        *("--name", found["Name"].removeprefix("/")),
        *_streams(config),
        *_identity(found, facts),
        *_process(config, base),
        *_health(config.get("Healthcheck") or {}, base.get("Healthcheck") or {}, unsaid),
        *_networks(found),
        *_ports(config, host, base),
        *_mounts(config, host, base),
        *_plain(host, facts),
        *_security(host, unsaid),
        *_others(host, facts),
        *entrypoint,
    ]
    known = SAID_ELSEWHERE | set(PLAIN.values())
    unsaid += [f"HostConfig.{name}" for name, value in host.items() if name not in known and value]
    return [*words, config["Image"], *command], unsaid


def _repeated(flag: str, values: "Any") -> "list[str]":
    return [word for value in values for word in (f"--{flag}", value)]


def _pairs(flag: str, values: "Document | None", base: "Document | None" = None) -> "list[str]":
    """`--flag name=value` for what `base` does not have."""
    base = base or {}
    missing = {name: value for name, value in (values or {}).items() if name not in base or base[name] != value}
    return _repeated(flag, [f"{name}={value}" for name, value in missing.items()])


def _command(config: "Document", base: "Document") -> "tuple[list[str], list[str]]":
    """--entrypoint, and the words after the image. A list that one flag cannot say goes over into the command."""
    entrypoint, command = config.get("Entrypoint") or [], config.get("Cmd") or []
    of_image, usual = base.get("Entrypoint") or [], base.get("Cmd") or []
    if entrypoint == of_image and (command or not usual):
        return [], [] if command == usual else command
    if not entrypoint:
        return ["--entrypoint", ""], command
    return ["--entrypoint", entrypoint[0]], [*entrypoint[1:], *command]


def _streams(config: "Document") -> "list[str]":
    attached = [name for name in ("stdin", "stdout", "stderr") if config.get(f"Attach{name.title()}")]
    interactive = bool(config.get("OpenStdin"))
    words = ["--interactive"] if interactive else []
    if config.get("Tty"):
        words.append("--tty")
    if not attached:
        return ["--detach", *words]
    if attached == [*(["stdin"] if interactive else []), "stdout", "stderr"]:
        return words
    return [*words, *_repeated("attach", attached)]


def _identity(found: "Document", facts: Facts) -> "list[str]":
    config, host = found["Config"], found["HostConfig"]
    words = []
    shared = host.get("NetworkMode", "").startswith("container:")
    usual = ("", found["Id"][:12], facts.host_name)
    if config.get("Hostname") not in usual and not shared:
        words += ["--hostname", config["Hostname"]]
    if config.get("Domainname") and not shared:
        words += ["--domainname", config["Domainname"]]
    return words


def _process(config: "Document", base: "Document") -> "list[str]":
    words = _repeated("env", [text for text in config.get("Env") or () if text not in (base.get("Env") or ())])
    words += _pairs("label", config.get("Labels"), base.get("Labels"))
    for flag, member in (("user", "User"), ("workdir", "WorkingDir"), ("stop-signal", "StopSignal")):
        if config.get(member) and config[member] != base.get(member):
            words += [f"--{flag}", config[member]]
    if config.get("StopTimeout") is not None and config["StopTimeout"] != base.get("StopTimeout"):
        words += ["--stop-timeout", str(config["StopTimeout"])]
    return words


def _health(check: "Document", base: "Document", unsaid: "list[str]") -> "list[str]":
    test = check.get("Test") or []
    if test[:1] == ["NONE"]:
        return ["--no-healthcheck"]
    words = []
    if test and test != base.get("Test"):
        if test[0] == "CMD-SHELL" and len(test) == 2:
            words += ["--health-cmd", test[1]]
        else:
            unsaid.append("Config.Healthcheck.Test (a command without a shell)")
    for flag, member in (
        ("interval", "Interval"),
        ("timeout", "Timeout"),
        ("start-period", "StartPeriod"),
        ("start-interval", "StartInterval"),
    ):
        if check.get(member) and check[member] != base.get(member):
            words += [f"--health-{flag}", spelling.duration(check[member])]
    if check.get("Retries") and check["Retries"] != base.get("Retries"):
        words += ["--health-retries", str(check["Retries"])]
    return words


def _networks(found: "Document") -> "list[str]":
    mode = found["HostConfig"].get("NetworkMode", "")
    attached: Document = (found.get("NetworkSettings") or {}).get("Networks") or {}
    if mode.startswith("container:") or mode in ("host", "none"):
        return ["--network", mode]
    first = "bridge" if mode in ("", "default") else mode
    if first not in attached:  # the mode may be a network's id
        first = next((name for name, one in attached.items() if one.get("NetworkID", "").startswith(mode)), first)
    drop = frozenset((found["Id"][:12], found["Name"].removeprefix("/")))
    names = [first, *(name for name in attached if name != first)]
    address = found["Config"].get("MacAddress")
    # Of a container that runs this is what it has, whether it was asked for or not.
    asked = not address and not found["State"].get("Running")
    texts = [spelling.network(name, attached.get(name) or {}, drop, mac=asked) for name in names]
    words = [] if texts == ["bridge"] else _repeated("network", texts)
    if not found["HostConfig"].get("Links"):
        words += _repeated("link", (attached.get(first) or {}).get("Links") or ())
    return [*words, "--mac-address", address] if address else words


def _ports(config: "Document", host: "Document", base: "Document") -> "list[str]":
    exposed = config.get("ExposedPorts") or {}
    # What is bound but not exposed, or to nothing, is not published: -p would publish it.
    bindings = {port: places for port, places in (host.get("PortBindings") or {}).items() if places and port in exposed}
    known = {*bindings, *(base.get("ExposedPorts") or ())}
    exposed = [port for port in exposed if port not in known]
    return _repeated("publish", spelling.port_bindings(bindings)) + _repeated("expose", exposed)


def _mounts(config: "Document", host: "Document", base: "Document") -> "list[str]":
    maps = host.get("Idmaps") or {}
    anonymous = [target for target in config.get("Volumes") or () if target not in (base.get("Volumes") or ())]
    mounts = [spelling.mount(mount, maps.get(mount["Target"])) for mount in host.get("Mounts") or ()]
    memory = [f"{path}:{options}" if options else path for path, options in (host.get("Tmpfs") or {}).items()]
    return [
        *_repeated("volume", [*(host.get("Binds") or ()), *anonymous]),
        *_repeated("mount", mounts),
        *_repeated("tmpfs", memory),
    ]


def _usual(host: "Document", facts: Facts) -> "Document":
    """What the engine fills in where nothing is asked."""
    return {
        "CgroupnsMode": "private" if facts.unified else "host",
        "ContainerIDFile": host.get("ContainerIDFile"),
        "IpcMode": "private",
        "Isolation": "default",
        "MemorySwap": 2 * host.get("Memory", 0),
        "PidsLimit": -1,
        "Runtime": facts.runtime,
        "ShmSize": SHM_SIZE,
    }


def _plain(host: "Document", facts: Facts) -> "list[str]":
    """Flags that are a member as they are."""
    usual = _usual(host, facts)
    words = []
    for name, member in PLAIN.items():
        value = host.get(member)
        if not value or value == usual.get(member):
            continue
        flag = BY_NAME[name]
        spell = SPELLINGS.get(flag.kind, str)
        if member == "Links":
            value = [_link(text) for text in value]
        if flag.kind is BOOL:
            words.append(f"--{name}")
        elif flag.kind.many:
            words += _repeated(name, [spell(one) for one in value])
        else:
            words += [f"--{name}", spell(value)]
    return words


def _link(text: str) -> str:
    """`/other:/this/alias`, as inspect has it, in the words of --link."""
    other, separator, alias = text.partition(":")
    return f"{other.removeprefix('/')}{separator}{alias.rpartition('/')[2]}"


def _security(host: "Document", unsaid: "list[str]") -> "list[str]":
    options = list(host.get("SecurityOpt") or ())
    open_to_host = host.get("Privileged") or host.get("PidMode") == "host" or host.get("IpcMode") == "host"
    if open_to_host and "label=disable" in options:
        options.remove("label=disable")  # the engine adds it
    for text in [text for text in options if text.startswith(("seccomp={", "seccomp:{"))]:
        options.remove(text)
        unsaid.append("HostConfig.SecurityOpt (a seccomp profile: write it to a file for --security-opt seccomp=FILE)")
    if host.get("MaskedPaths") == [] and host.get("ReadonlyPaths") == [] and not host.get("Privileged"):
        options.append("systempaths=unconfined")
    return _repeated("security-opt", options)


def _others(host: "Document", facts: Facts) -> "list[str]":
    log = host.get("LogConfig") or {}
    words = ["--log-driver", log["Type"]] if log.get("Type") not in ("", None, facts.log_driver) else []
    words += _pairs("log-opt", log.get("Config"), facts.log_options if not words else {})
    policy = host.get("RestartPolicy") or {}
    if policy.get("Name") not in ("", "no", None):
        count = policy.get("MaximumRetryCount")
        words += ["--restart", f"{policy['Name']}:{count}" if count else policy["Name"]]
    if host.get("Init") is not None:
        words += ["--init" if host["Init"] else "--init=false"]
    if host.get("MemorySwappiness") not in (None, -1):
        words += ["--memory-swappiness", str(host["MemorySwappiness"])]
    words += _repeated("device", [spelling.device(one) for one in host.get("Devices") or ()])
    words += [word for one in host.get("DeviceRequests") or () for word in spelling.device_request(one)]
    words += _repeated("dns-option", host.get("DnsOptions") or ())
    words += _repeated("ulimit", [spelling.ulimit(one) for one in host.get("Ulimits") or ()])
    for flag, member in (("annotation", "Annotations"), ("sysctl", "Sysctls"), ("storage-opt", "StorageOpt")):
        words += _pairs(flag, host.get(member))
    return words
