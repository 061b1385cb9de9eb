"""The API's request that the flags of `run` and `create` make."""

import os

from wharf.cli.commands.container import limits, user_namespaces
from wharf.cli.commands.container.mounts import idmaps, read_volume
from wharf.cli.commands.container.networks import endpoints
from wharf.cli.commands.container.ports import read_expose, read_publish
from wharf.cli.errors import Exit
from wharf.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wharf.cli.flags import Options

WINDOWS_ONLY = ("cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops")
PULLS = ("always", "missing", "never")
# Flags that are a field of HostConfig as they are, left out when empty.
PLAIN = {
    **limits.FIELDS,
    "blkio-weight-device": "BlkioWeightDevice",
    "cap-add": "CapAdd",
    "cap-drop": "CapDrop",
    "cgroup-parent": "CgroupParent",
    "cgroupns": "CgroupnsMode",
    "cidfile": "ContainerIDFile",
    "device-cgroup-rule": "DeviceCgroupRules",
    "device-read-bps": "BlkioDeviceReadBps",
    "device-read-iops": "BlkioDeviceReadIOps",
    "device-write-bps": "BlkioDeviceWriteBps",
    "device-write-iops": "BlkioDeviceWriteIOps",
    "add-host": "ExtraHosts",
    "dns": "Dns",
    "dns-search": "DnsSearch",
    "group-add": "GroupAdd",
    "health-on-failure": "HealthOnFailure",
    "ipc": "IpcMode",
    "isolation": "Isolation",
    "link": "Links",
    "oom-kill-disable": "OomKillDisable",
    "oom-score-adj": "OomScoreAdj",
    "pid": "PidMode",
    "privileged": "Privileged",
    "publish-all": "PublishAllPorts",
    "read-only": "ReadonlyRootfs",
    "rm": "AutoRemove",
    "runtime": "Runtime",
    "shm-size": "ShmSize",
    "firewall": "Firewall",
    "umask": "Umask",
    "userns": "UsernsMode",
    "uts": "UTSMode",
    "volume-driver": "VolumeDriver",
    "volumes-from": "VolumesFrom",
}
PATHS_OF_SYSTEM = "systempaths=unconfined"


def create_body(options: "Options", image: str, command: "list[str]") -> "dict[str, Any]":
    """The body of POST /containers/create. Raises InvalidArgument. Reads files that options name, nothing else."""
    _merge_old_names(options)
    _check(options)
    interactive, attached = options["interactive"], set(options["attach"])
    if not attached:
        attached = {"stdout", "stderr"} | ({"stdin"} if interactive else set())
        if options.get("detach"):
            attached = set()
    mode, networks = endpoints(options)
    ports = read_publish(options["publish"])
    binds, anonymous = _volumes(options)
    body: dict[str, Any] = {
        "Hostname": options["hostname"],
        "Domainname": options["domainname"],
        "User": options["user"],
        "AttachStdin": "stdin" in attached,
        "AttachStdout": "stdout" in attached,
        "AttachStderr": "stderr" in attached,
        "Tty": options["tty"],
        "OpenStdin": interactive,
        "StdinOnce": interactive and "stdin" in attached,
        "Env": _environment(options),
        "Cmd": command or None,
        "Image": image,
        "WorkingDir": options["workdir"],
        "Labels": _pairs(file_lines(options["label-file"], "label") + options["label"]),
        "HostConfig": _host_config(options, mode, ports, binds),
        "NetworkingConfig": {"EndpointsConfig": networks},
    }
    exposed = [*ports, *read_expose(options["expose"])]
    optional = {
        "ExposedPorts": {port: {} for port in exposed},
        "Volumes": {path: {} for path in anonymous},
        "StopSignal": options["stop-signal"],
        "Healthcheck": _health(options),
    }
    body |= {name: value for name, value in optional.items() if value}
    if "stop-timeout" in options.given:
        body["StopTimeout"] = options["stop-timeout"]
    if "entrypoint" in options.given:
        body["Entrypoint"] = [options["entrypoint"]]
    return body


def _merge_old_names(options: "Options") -> None:
    for old, new in (("net", "network"), ("net-alias", "network-alias"), ("dns-opt", "dns-option")):
        options[new] = options[new] + options[old]
        options[old] = []


def _check(options: "Options") -> None:
    """What docker's client refuses before it asks the daemon."""
    if foreign := [flag for flag in WINDOWS_ONLY if flag in options.given]:
        only = "is only supported on a Docker daemon running on windows, but the Docker daemon is running on linux"
        raise Exit(1, "\n".join(f'"--{flag}" {only}' for flag in foreign))
    if options["pull"] not in PULLS:
        raise InvalidArgument(
            f'invalid pull option: \'{options["pull"]}\': must be one of "always", "missing" or "never"'
        )
    swappiness = options["memory-swappiness"]
    if swappiness != -1 and not 0 <= swappiness <= 100:
        raise InvalidArgument(f"invalid value: {swappiness}. Valid memory swappiness range is 0-100")
    if not user_namespaces.is_mode(options["userns"]):
        raise InvalidArgument("--userns: invalid USER mode")
    for flag, kind, shared in (("pid", "PID", True), ("uts", "UTS", False)):
        mode = options[flag]
        if mode not in ("", "host") and not (shared and mode.startswith("container:") and mode[10:]):
            raise InvalidArgument(f"--{flag}: invalid {kind} mode")
    if options["cgroupns"] not in ("", "host", "private"):
        raise InvalidArgument("--cgroupns: invalid CGROUP mode")
    if options["log-driver"] == "none" and options["log-opt"]:
        raise InvalidArgument("invalid logging opts for driver none")
    if options["rm"] and restart_policy(options["restart"])["Name"] not in ("", "no"):
        raise InvalidArgument("conflicting options: cannot specify both --restart and --rm")


def check_platform(text: str) -> None:
    """Raises InvalidArgument unless it is `os[/architecture[/variant]]`, or nothing."""
    parts = text.split("/")
    if text and (len(parts) > 3 or not all(part.replace("_", "").replace("-", "").isalnum() for part in parts)):
        raise InvalidArgument(f'error parsing specified platform: "{text}": cannot parse platform specifier')


def restart_policy(text: str) -> "dict[str, Any]":
    name, separator, count = text.partition(":")
    if ":" in count:
        raise InvalidArgument("invalid restart policy format: maximum retry count must be an integer")
    if separator and not name:
        raise InvalidArgument("invalid restart policy format: no policy provided before colon")
    try:
        return {"Name": name, "MaximumRetryCount": int(count) if count else 0}
    except ValueError:
        raise InvalidArgument("invalid restart policy format: maximum retry count must be an integer") from None


def _host_config(options: "Options", mode: str, ports: "dict[str, Any]", binds: list[str]) -> "dict[str, Any]":
    host = {field: options[flag] for flag, field in PLAIN.items() if options[flag]}
    security, masked = _security(options["security-opt"])
    devices, requests = _devices(options)
    mounts, maps = idmaps(options["mount"])
    optional: dict[str, Any] = {
        "Annotations": _pairs(options["annotation"]),
        "Binds": binds,
        "Mounts": mounts,
        "Idmaps": maps,
        "PortBindings": ports,
        "DnsOptions": options["dns-option"],
        "SecurityOpt": security,
        "StorageOpt": _storage(options["storage-opt"]),
        "Sysctls": _pairs(options["sysctl"]),
        "Tmpfs": dict(path.partition(":")[::2] for path in options["tmpfs"]),
        "Devices": devices,
        "DeviceRequests": requests,
        "UsernsMode": user_namespaces.asked(options["userns"]),
        "Ulimits": sorted(
            {limit["Name"]: limit for limit in options["ulimit"]}.values(), key=lambda limit: limit["Name"]
        ),
    }
    host |= {name: value for name, value in optional.items() if value}
    if masked:
        # Empty lists, not null: null would mean the daemon's own lists.
        host |= {"MaskedPaths": [], "ReadonlyPaths": []}
    if "init" in options.given:
        host["Init"] = options["init"]
    if "cap-add" in options.given or "cap-drop" in options.given:
        host |= {name: _capabilities(host[name]) for name in ("CapAdd", "CapDrop") if name in host}
    return host | {
        "LogConfig": {"Type": options["log-driver"], "Config": _pairs(options["log-opt"])},
        "NetworkMode": mode,
        "RestartPolicy": restart_policy(options["restart"]),
        "MemorySwappiness": options["memory-swappiness"],
        "ConsoleSize": [0, 0],
    }


def _capabilities(names: "Iterable[str]") -> list[str]:
    """In the kernel's spelling, each once, sorted."""
    found = set()
    for name in names:
        upper = name.strip().upper()
        found.add(upper if upper == "ALL" or upper.startswith("CAP_") else f"CAP_{upper}")
    return sorted(found)


def _volumes(options: "Options") -> "tuple[list[str], list[str]]":
    binds: list[str] = []
    anonymous: list[str] = []
    for text in options["volume"]:
        spec, alone = read_volume(text)
        (anonymous if alone else binds).append(spec)
    return binds, anonymous


def _devices(options: "Options") -> "tuple[list[dict[str, Any]], list[dict[str, Any]]]":
    """Devices by path, and requests for devices by name (CDI) and for GPUs."""
    devices, requests, named = [], list(options["gpus"]), []
    for text in options["device"]:
        vendor, separator, _ = text.partition("=")
        if separator and not text.startswith("/") and "/" in vendor:
            named.append(text)
            continue
        source, *rest = text.split(":")
        if len(rest) > 2:
            raise InvalidArgument(f"invalid device specification: {text}")
        access = "rwm"
        if rest and _is_access(rest[-1]):
            access = rest.pop()
        elif len(rest) == 2:
            raise InvalidArgument(f"bad mode specified: {rest[1]}")
        target = rest[0] if rest else source
        for path in (source, target):
            if not path.startswith("/"):
                raise InvalidArgument(f"{path} is not an absolute path")
        devices.append({"PathOnHost": source, "PathInContainer": target, "CgroupPermissions": access})
    if named:
        requests.append({"Driver": "cdi", "DeviceIDs": named})
    return devices, requests


def _is_access(text: str) -> bool:
    return 0 < len(text) <= 3 and set(text) <= set("rwm") and len(set(text)) == len(text)


def _security(specs: list[str]) -> tuple[list[str], bool]:
    """Security options, a seccomp file's contents in place of its name; whether system paths are left open."""
    found, open_paths = [], False
    for spec in specs:
        if spec == PATHS_OF_SYSTEM:
            open_paths = True
            continue
        name, separator, value = spec.partition("=") if "=" in spec else spec.partition(":")
        if not separator and spec != "no-new-privileges":
            raise InvalidArgument(f"Invalid --security-opt: {spec!r}".replace("'", '"'))
        if name == "seccomp" and value not in ("unconfined", "builtin"):
            spec = f"seccomp={_profile(value)}"
        found.append(spec)
    return found, open_paths


def _profile(path: str) -> str:
    from wharf.client.wire import decode_json
    from wharf.jsontext import encode_json

    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return encode_json(decode_json(file.read()))
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise InvalidArgument(f"opening seccomp profile ({path}) failed: open {path}: {reason}") from None


def _storage(specs: list[str]) -> dict[str, str]:
    if any("=" not in spec for spec in specs):
        raise InvalidArgument("invalid storage option")
    return _pairs(specs)


def _pairs(specs: "Iterable[str]") -> dict[str, str]:
    """`name=value` by name; a bare name has an empty value."""
    return dict(spec.partition("=")[::2] for spec in specs)


def _environment(options: "Options") -> list[str]:
    """Of files and flags, in order; the last of a name wins its first place, as in docker."""
    found: dict[str, str] = {}
    for line in file_lines(options["env-file"], "env") + options["env"]:
        found[line.partition("=")[0]] = line
    return list(found.values())


def file_lines(paths: list[str], what: str) -> list[str]:
    """Lines of files of variables or labels, without comments; a bare variable is taken from our environment."""
    found = []
    for path in paths:
        try:
            with open(path, encoding="utf-8-sig") as file:  # noqa: PTH123
                lines = file.read().split("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = (error.strerror or "").lower() if isinstance(error, OSError) else "invalid utf8 bytes"
            raise InvalidArgument(f"open {path}: {reason}") from None
        for line in lines:
            text = line.lstrip().rstrip("\r")
            if not text or text.startswith("#"):
                continue
            name, separator, _ = text.partition("=")
            if any(letter.isspace() for letter in name) or not name:
                why = f"variable '{name}' contains whitespaces" if name else f"no variable name on line '{text}'"
                raise InvalidArgument(f"invalid {what} file ({path}): {why}")
            if not separator:
                # A bare name is a variable of ours; a bare label says nothing, and docker drops it too.
                if what != "env" or name not in os.environ:
                    continue
                text = f"{name}={os.environ[name]}"
            found.append(text)
    return found


def _health(options: "Options") -> "dict[str, Any] | None":
    times = {
        "Interval": "health-interval",
        "Timeout": "health-timeout",
        "StartPeriod": "health-start-period",
        "StartInterval": "health-start-interval",
    }
    given = options["health-cmd"] or options["health-retries"] or any(options[flag] for flag in times.values())
    if options["no-healthcheck"]:
        if given:
            raise InvalidArgument("--no-healthcheck conflicts with --health-* options")
        return {"Test": ["NONE"]}
    if not given:
        return None
    for flag in times.values():
        if options[flag] < 0:
            raise InvalidArgument(f"--{flag} cannot be negative")
    if options["health-retries"] < 0:
        raise InvalidArgument("--health-retries cannot be negative")
    health = {name: options[flag] for name, flag in times.items() if options[flag]}
    if options["health-cmd"]:
        health["Test"] = ["CMD-SHELL", options["health-cmd"]]
    if options["health-retries"]:
        health["Retries"] = options["health-retries"]
    return health
