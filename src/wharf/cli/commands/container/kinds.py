"""Kinds of values that only `run`, `create` and `update` take. Each reader raises ValueError with docker's reason."""

import os

from wharf.apitypes import durations
from wharf.cli.flags import Kind, read_int

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
LIMITS = frozenset(
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split()
)
STREAMS = ("stdin", "stdout", "stderr")


def read_bytes(text: str) -> int:
    """A size such as `512m`; units are powers of 1024."""
    number = text.lower().removesuffix("b").removesuffix("i") if text[-1:] in "bB" else text.lower()
    unit = number[-1:] if number[-1:] in UNITS else ""
    digits = number.removesuffix(unit).rstrip(" ")
    if not digits.replace(".", "", 1).isdigit() or not digits.isascii():
        number, suffix = _split_size(text)
        raise ValueError(f"invalid suffix: '{suffix}'" if number and suffix else f"invalid size: '{text}'")
    return int(float(digits) * UNITS[unit]) if "." in digits else int(digits) * UNITS[unit]


def _split_size(text: str) -> tuple[str, str]:
    """The number at the beginning, if there is one, and the rest."""
    suffix = text.lstrip("0123456789.")
    return text[: len(text) - len(suffix)], suffix.lower()


def read_swap(text: str) -> int:
    return -1 if text == "-1" else read_bytes(text)


def read_cpus(text: str) -> int:
    """Billionths of a CPU."""
    from fractions import Fraction

    try:
        count = Fraction(text) * 10**9
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"failed to parse {text} as a rational number") from None
    if count.denominator != 1:
        raise ValueError("value is too precise")
    return count.numerator


def read_weight_of_all(text: str) -> int:
    """A number of Go's uint16."""
    if not text.isascii() or not text.isdigit():
        raise ValueError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) >= 1 << 16:
        raise ValueError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)


def read_env(text: str) -> str:
    """`NAME=value`; a bare NAME takes our own value, and stays bare (unset) when we have none."""
    name, separator, _ = text.partition("=")
    if not name:
        raise ValueError(f"invalid environment variable: {text}")
    return text if separator or name not in os.environ else f"{name}={os.environ[name]}"


def read_label(text: str) -> str:
    if not text.partition("=")[0]:
        raise ValueError(f"invalid label '{text}': empty name")
    return text


def read_stream(text: str) -> str:
    if text.lower() not in STREAMS:
        raise ValueError("valid streams are STDIN, STDOUT and STDERR")
    return text.lower()


def read_address(text: str) -> str:
    from ipaddress import ip_address

    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise ValueError(f"IP address is not correctly formatted: {text}") from None


def read_host(text: str) -> str:
    """`name:address` (or `name=address`), as the API has it: with a colon and without brackets."""
    split = "=" if "=" in text else ":"
    name, separator, address = text.partition(split)
    if not separator or not name or not address:
        raise ValueError(f'bad format for add-host: "{text}"')
    if address != "host-gateway":
        if address.startswith("[") and address.endswith("]"):
            address = address[1:-1]
        from ipaddress import ip_address

        try:
            ip_address(address)
        except ValueError:
            raise ValueError(f'invalid IP address in add-host: "{address}"') from None
    return f"{name}:{address}"


def read_search_domain(text: str) -> str:
    """A domain, or "." for none."""
    text = text.strip()
    parts = text.removesuffix(".").split(".")
    is_name = len(text) < 255 and any(letter.isalpha() for letter in text) and all(map(_is_label, parts))
    if text != "." and not is_name:
        raise ValueError(f"{text} is not a valid domain")
    return text


def _is_label(text: str) -> bool:
    """Whether it can be between the dots of a domain."""
    return text.isascii() and text.replace("-", "").isalnum() and not text.startswith("-") and not text.endswith("-")


def read_link(text: str) -> str:
    if not text:
        raise ValueError("empty string specified for links")
    if text.count(":") > 1:
        raise ValueError(f"bad format for links: {text}")
    return text


def read_sysctl(text: str) -> str:
    """Only settings that belong to a namespace of the container's own."""
    name = text.partition("=")[0]
    known = ("kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax")
    alone = (*known, "kernel.shmmni", "kernel.shm_rmid_forced")
    if "=" not in text or not (name in alone or name.startswith(("net.", "fs.mqueue."))):
        raise ValueError(f"sysctl '{text}' is not allowed")
    return text


def read_ulimit(text: str) -> "dict[str, Any]":
    """`name=soft[:hard]`"""
    name, separator, limits = text.partition("=")
    if not separator:
        raise ValueError(f"invalid ulimit argument: {text}")
    if name not in LIMITS:
        raise ValueError(f"invalid ulimit type: {name}")
    soft_text, separator, hard_text = limits.partition(":")
    if ":" in hard_text:
        raise ValueError(f"too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`")
    soft = read_int(soft_text)
    hard = read_int(hard_text) if separator else soft
    if hard != -1 and (soft > hard or soft == -1):
        found = f"soft: -1 (unlimited), hard: {hard}" if soft == -1 else f"{soft} > {hard}"
        raise ValueError(f"ulimit soft limit must be less than or equal to hard limit: {found}")
    return {"Name": name, "Soft": soft, "Hard": hard}


def read_cgroup_rule(text: str) -> str:
    """`c 1:3 rwm`: kind, major:minor, access."""
    parts = text.split(" ")
    numbers = parts[1].split(":") if len(parts) == 3 else []
    sound = (
        len(numbers) == 2
        and parts[0] in ("a", "b", "c")
        and all(number == "*" or number.isdigit() for number in numbers)
        and 0 < len(parts[2]) <= 3
        and set(parts[2]) <= set("rwm")
    )
    if not sound:
        raise ValueError(f"invalid device cgroup format '{text}'")
    return text


def _read_device(text: str) -> tuple[str, str]:
    path, separator, value = text.partition(":")
    if not separator or ":" in value:
        raise ValueError(f"bad format: {text}")
    if not path.startswith("/dev/"):
        raise ValueError(f"bad format for device path: {text}")
    return path, value


def read_weight(text: str) -> "dict[str, Any]":
    path, value = _read_device(text)
    if not value.isdigit() or (int(value) != 0 and not 10 <= int(value) <= 1000):
        raise ValueError(f"invalid weight for device: {text}")
    return {"Path": path, "Weight": int(value)}


def read_byte_rate(text: str) -> "dict[str, Any]":
    path, value = _read_device(text)
    try:
        return {"Path": path, "Rate": read_bytes(value)}
    except ValueError:
        form = "<device-path>:<number>[<unit>]. Number must be a positive integer. "
        form += "Unit is optional and can be kb, mb, or gb"
        raise ValueError(f"invalid rate for device: {text}. The correct format is {form}") from None


def read_rate(text: str) -> "dict[str, Any]":
    path, value = _read_device(text)
    if not value.isdigit():
        form = "<device-path>:<number>. Number must be a positive integer"
        raise ValueError(f"invalid rate for device: {text}. The correct format is {form}")
    return {"Path": path, "Rate": int(value)}


def read_gpus(text: str) -> "dict[str, Any]":
    """`all`, a count, or `device=…,driver=…,capabilities=…,count=…`; a quoted field may hold commas."""
    request: dict[str, Any] = {"Driver": "", "Count": 0, "DeviceIDs": None, "Capabilities": None, "Options": {}}
    capabilities: list[str] = []
    for field in split_fields(text):
        name, separator, value = field.partition("=")
        if not separator:
            name, value = "count", field
        if name == "driver":
            request["Driver"] = value
        elif name == "count":
            request["Count"] = -1 if value == "all" else _read_count(value)
        elif name == "device":
            request["DeviceIDs"] = value.split(",")
        elif name == "capabilities":
            capabilities = value.split(",")
        elif name == "options":
            request["Options"] = dict(pair.partition("=")[::2] for pair in value.split(","))
        else:
            raise ValueError(f"unexpected key '{name}' in '{field}'")
    if not request["Count"] and request["DeviceIDs"] is None:
        request["Count"] = 1
    if "gpu" not in capabilities:
        capabilities.append("gpu")
    return {**request, "Capabilities": [capabilities]}


def _read_count(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'invalid count ({text}): value must be either "all" or an integer: {text}') from None


def split_fields(text: str) -> list[str]:
    """Fields of one line of CSV: quotes protect commas, two quotes are one."""
    fields, field, inside = [], "", False
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == '"' and inside and text[at + 1 : at + 2] == '"':
            field += '"'
            at += 1
        elif letter == '"':
            inside = not inside
        elif letter == "," and not inside:
            fields.append(field)
            field = ""
        else:
            field += letter
        at += 1
    return [*fields, field]


BYTES = Kind("bytes", read_bytes, default=0)
SWAP = Kind("bytes", read_swap, default=0)
DURATION = Kind("duration", durations.parse, default=0)
CPUS = Kind("decimal", read_cpus, default=0)
WEIGHT = Kind("uint16", read_weight_of_all, default=0)
ENVIRONMENT = Kind("list", read_env, many=True)
SEARCH_DOMAINS = Kind("list", read_search_domain, many=True)
LABELS = Kind("list", read_label, many=True)
STREAM = Kind("list", read_stream, many=True)
ADDRESSES = Kind("list", read_address, many=True)
HOSTS = Kind("list", read_host, many=True)
LINKS = Kind("list", read_link, many=True)
SYSCTLS = Kind("map", read_sysctl, many=True)
ULIMITS = Kind("ulimit", read_ulimit, many=True)
CGROUP_RULES = Kind("list", read_cgroup_rule, many=True)
WEIGHTS = Kind("list", read_weight, many=True)
BYTE_RATES = Kind("list", read_byte_rate, many=True)
RATES = Kind("list", read_rate, many=True)
GPUS = Kind("gpu-request", read_gpus, many=True)
