"""Values of the API as the flags of `run` take them: each function undoes a reader of kinds, mounts or ports. Pure."""

from wharf.cli.commands.container.mounts import IDMAP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

UNITS = (("p", 1 << 50), ("t", 1 << 40), ("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10))
TIMES = (("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("us", 10**3))


def size(number: int) -> str:
    """In the largest unit that it is a whole number of."""
    if number < 0:
        return str(number)
    return next((f"{number // unit}{letter}" for letter, unit in UNITS if number and number % unit == 0), str(number))


def duration(nanoseconds: int) -> str:
    return next(
        (f"{nanoseconds // unit}{name}" for name, unit in TIMES if nanoseconds and nanoseconds % unit == 0),
        f"{nanoseconds}ns",
    )


def cpus(billionths: int) -> str:
    whole, rest = divmod(billionths, 10**9)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".")


def field(name: str, value: str) -> str:
    """One field of a line of CSV, as --mount and --network take them."""
    text = f"{name}={value}"
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def weight(device: "dict[str, Any]") -> str:
    return f"{device['Path']}:{device['Weight']}"


def byte_rate(device: "dict[str, Any]") -> str:
    return f"{device['Path']}:{size(device['Rate'])}"


def rate(device: "dict[str, Any]") -> str:
    return f"{device['Path']}:{device['Rate']}"


def ulimit(limit: "dict[str, Any]") -> str:
    soft, hard = limit["Soft"], limit["Hard"]
    return f"{limit['Name']}={soft}" if soft == hard else f"{limit['Name']}={soft}:{hard}"


def device(mapping: "dict[str, Any]") -> str:
    inside = mapping.get("PathInContainer") or mapping["PathOnHost"]
    access = mapping.get("CgroupPermissions") or "rwm"
    if access != "rwm":
        return f"{mapping['PathOnHost']}:{inside}:{access}"
    return mapping["PathOnHost"] if inside == mapping["PathOnHost"] else f"{mapping['PathOnHost']}:{inside}"


def device_request(request: "dict[str, Any]") -> "list[str]":
    """Flag and value, or several of them."""
    if request.get("Driver") == "cdi":
        return [word for name in request.get("DeviceIDs") or () for word in ("--device", name)]
    fields = []
    if request.get("Driver"):
        fields.append(field("driver", request["Driver"]))
    if ids := request.get("DeviceIDs"):
        fields.append(field("device", ",".join(ids)))
    elif request.get("Count"):
        fields.append(field("count", "all" if request["Count"] == -1 else str(request["Count"])))
    names = [name for name in (request.get("Capabilities") or [[]])[0] if name != "gpu"]
    if names:
        fields.append(field("capabilities", ",".join(names)))
    if options := request.get("Options"):
        fields.append(field("options", ",".join(f"{name}={value}" for name, value in options.items())))
    return ["--gpus", ",".join(fields)]


def port_bindings(bindings: "dict[str, list[dict[str, str]]]") -> "Iterable[str]":
    for port, places in bindings.items():
        number, _, protocol = port.partition("/")
        container = number if protocol in ("", "tcp") else port
        for place in places or [{}]:
            address, host = place.get("HostIp", ""), place.get("HostPort", "")
            if address:
                host = f"{f'[{address}]' if ':' in address else address}:{host}"
            if place.get("Firewall"):
                fields = [f"published={host}"] if host else []
                fields += [f"target={number}", f"protocol={protocol or 'tcp'}", f"firewall={place['Firewall']}"]
                yield ",".join(fields)
            else:
                yield f"{host}:{container}" if host else container


def mount(wanted: "dict[str, Any]", idmap: "str | None" = None) -> str:
    """The fields of --mount."""
    fields = [field("type", wanted["Type"])]
    if wanted.get("Source"):
        fields.append(field("source", wanted["Source"]))
    fields.append(field("target", wanted["Target"]))
    if wanted.get("ReadOnly"):
        fields.append("readonly")
    if wanted.get("Consistency"):
        fields.append(field("consistency", wanted["Consistency"]))
    fields += _bind_fields(wanted.get("BindOptions") or {}) + _volume_fields(wanted.get("VolumeOptions") or {})
    if (image := wanted.get("ImageOptions") or {}).get("Subpath"):
        fields.append(field("image-subpath", image["Subpath"]))
    memory = wanted.get("TmpfsOptions") or {}
    if memory.get("SizeBytes"):
        fields.append(field("tmpfs-size", size(memory["SizeBytes"])))
    if memory.get("Mode"):
        fields.append(field("tmpfs-mode", f"{memory['Mode']:o}"))
    if idmap is not None:
        fields.append(field(IDMAP.lower(), idmap))
    return ",".join(fields)


def _bind_fields(options: "dict[str, Any]") -> "list[str]":
    fields = [field("bind-propagation", options["Propagation"])] if options.get("Propagation") else []
    for member, how in (
        ("NonRecursive", "disabled"),
        ("ReadOnlyNonRecursive", "writable"),
        ("ReadOnlyForceRecursive", "readonly"),
    ):
        if options.get(member):
            fields.append(field("bind-recursive", how))
    return fields


def _volume_fields(options: "dict[str, Any]") -> "list[str]":
    fields = ["volume-nocopy"] if options.get("NoCopy") else []
    if options.get("Subpath"):
        fields.append(field("volume-subpath", options["Subpath"]))
    fields += [field("volume-label", f"{name}={value}") for name, value in (options.get("Labels") or {}).items()]
    driver = options.get("DriverConfig") or {}
    if driver.get("Name"):
        fields.append(field("volume-driver", driver["Name"]))
    return fields + [field("volume-opt", f"{name}={value}") for name, value in (driver.get("Options") or {}).items()]


def network(name: str, endpoint: "dict[str, Any]", drop: "frozenset[str]", *, mac: bool) -> str:
    """The text of --network; names in `drop` are not the user's aliases. With `mac` its MAC address was asked for."""
    addresses = endpoint.get("IPAMConfig") or {}
    fields = [field("alias", alias) for alias in endpoint.get("Aliases") or () if alias not in drop]
    for key, member in (("ip", "IPv4Address"), ("ip6", "IPv6Address")):
        if addresses.get(member):
            fields.append(field(key, addresses[member]))
    if mac and endpoint.get("MacAddress"):
        fields.append(field("mac-address", endpoint["MacAddress"]))
    fields += [field("link-local-ip", address) for address in addresses.get("LinkLocalIPs") or ()]
    fields += [field("driver-opt", f"{key}={value}") for key, value in (endpoint.get("DriverOpts") or {}).items()]
    if endpoint.get("GwPriority"):
        fields.append(field("gw-priority", str(endpoint["GwPriority"])))
    return ",".join([field("name", name), *fields]) if fields else name
