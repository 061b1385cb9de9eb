"""Reading the options of networks, in dockerd's words when they make no sense. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from wharf.errors import InvalidArgument
from wharf.network.subnets import parse_address
from wharf.spec.booleans import parse_bool

MTU: Final = "com.docker.network.driver.mtu"
INTERFACE_PREFIX: Final = "com.docker.network.container_iface_prefix"
#: What the kernel refuses in the name of a device, or (%) makes a number of; and what is special to nftables.
_NOT_IN_NAMES: Final = re.compile(r"[\s/:%*\"'\\\x00-\x1f]")
_LONGEST_DEVICE: Final = 15  # the kernel's IFNAMSIZ, without the closing zero
_LONGEST_PREFIX: Final = 12  # leaves room for a number
_SMALLEST_MTU, _LARGEST_MTU = 68, 65535  # RFC 791 needs the one, the kernel's links end at the other
SMALLEST_MTU6: Final = 1280  # RFC 8200


def parse_flag(name: str, text: str) -> bool:
    try:
        return parse_bool(text)
    except ValueError as error:
        raise InvalidArgument(f"failed to parse {name} value: {text} ({error})") from None


def flag(options: Mapping[str, str], name: str, *, default: bool) -> bool:
    return parse_flag(name, options[name]) if name in options else default


def address(options: Mapping[str, str], name: str, *, version: int = 0) -> str:
    """An IP address, "" for none. With a `version`, only of that one."""
    text = options.get(name, "")
    if name in options:
        try:
            found = parse_address(text)
            if version and found.version != version:
                raise ValueError
            return str(found)
        except ValueError:
            raise InvalidArgument(f"failed to parse {name} value: {text} (nil ip)") from None
    return text


def mtu(options: Mapping[str, str]) -> int:
    """0 for none."""
    text = options.get(MTU, "0")
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise InvalidArgument(f'failed to parse {MTU} value: {text} (strconv.Atoi: parsing "{text}": invalid syntax)')
    number = int(text)
    if number and not _SMALLEST_MTU <= number <= _LARGEST_MTU:
        raise InvalidArgument(f"invalid MTU number: {number}")
    return number


def device_name(text: str, what: str, *, longest: int = _LONGEST_DEVICE) -> str:
    """The name of a network device. Raises InvalidArgument."""
    if len(text.encode()) > longest or _NOT_IN_NAMES.search(text) or text in (".", ".."):
        raise InvalidArgument(f"invalid {what}: {text!r} cannot be the name of a network device")
    return text


def interface_prefix(options: Mapping[str, str]) -> str:
    """How the interfaces in containers are called, without their number."""
    return device_name(options.get(INTERFACE_PREFIX, "") or "eth", INTERFACE_PREFIX, longest=_LONGEST_PREFIX)
