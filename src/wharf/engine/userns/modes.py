"""What --userns asks for. Pure.

The words are podman's: `auto[:size=N]`, `keep-id[:uid=N,gid=N,size=N]`, `map:uidmapping=C:H:N[,gidmapping=C:H:N]…`,
`container:NAME`; Docker's are nothing (what the daemon's userns-remap says) and `host`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wharf.errors import InvalidArgument
from wharf.spec.id_mapping import IdMapping, IdRange, check_mapping

#: Ids of a container that does not say how many it needs: all that ordinary images use, 65534 (nobody) being the last.
DEFAULT_SIZE: Final = 65536
_SHOWN: Final = 120  # characters of a wrong mode that an error repeats
_LONGEST_NUMBER: Final = 10  # digits; ids are smaller than 2**32


@dataclass(frozen=True, slots=True)
class Inherit:
    """What the daemon gives every container."""


@dataclass(frozen=True, slots=True)
class Host:
    """No user namespace."""


@dataclass(frozen=True, slots=True)
class Auto:
    """Ids that no other container has."""

    size: int = DEFAULT_SIZE


@dataclass(frozen=True, slots=True)
class KeepId:
    """As Auto, but one user of the container is a user of the host, such as the one who starts it."""

    host_uid: int
    host_gid: int
    uid: int
    gid: int
    size: int = DEFAULT_SIZE


@dataclass(frozen=True, slots=True)
class Fixed:
    """As the request says."""

    mapping: IdMapping


@dataclass(frozen=True, slots=True)
class SharedWith:
    """The user namespace of another container."""

    container: str


Mode = Inherit | Host | Auto | KeepId | Fixed | SharedWith


def parse(text: str) -> Mode:
    """Raises InvalidArgument."""
    name, colon, rest = text.partition(":")
    if text in ("", "host"):
        return Host() if text else Inherit()
    if name == "container" and rest:
        return SharedWith(rest)
    if name not in ("auto", "keep-id", "map") or (colon and not rest):
        raise InvalidArgument(f"invalid USER mode: {text[:_SHOWN]}")
    try:
        given = list(_options(rest))
        return _auto(given) if name == "auto" else _keep_id(given) if name == "keep-id" else _fixed(given)
    except InvalidArgument as error:
        raise InvalidArgument(f"invalid USER mode: {text[:_SHOWN]}: {error}") from None


def _options(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(",") if text else ():
        name, equals, value = part.partition("=")
        if not equals:
            raise InvalidArgument(f"{part!r} is not name=value")
        yield name, value


def _numbers(given: list[tuple[str, str]], known: tuple[str, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in given:
        if name not in known:
            raise InvalidArgument(f"unknown option {name!r}, there are {', '.join(known)}")
        if name in found:
            raise InvalidArgument(f"{name} is given twice")
        found[name] = _number(value)
    if found.get("size", 1) < 1:
        raise InvalidArgument("size must be at least 1")
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > _LONGEST_NUMBER:
        raise InvalidArgument(f"{text!r} is not a number of an id")
    return int(text)


def _auto(given: list[tuple[str, str]]) -> Auto:
    return Auto(**_numbers(given, ("size",)))


def _keep_id(given: list[tuple[str, str]]) -> KeepId:
    found = _numbers(given, ("uid", "gid", "size", "host-uid", "host-gid"))
    if "host-uid" not in found:
        raise InvalidArgument("whose id to keep is not said: host-uid=N (and host-gid=N)")
    host_uid = found["host-uid"]
    host_gid = found.get("host-gid", host_uid)
    mode = KeepId(
        host_uid=host_uid,
        host_gid=host_gid,
        uid=found.get("uid", host_uid),
        gid=found.get("gid", host_gid),
        size=found.get("size", DEFAULT_SIZE),
    )
    if not (host_uid and host_gid):
        raise InvalidArgument("the host's root cannot be a user of a container with a user namespace")
    if mode.uid >= mode.size or mode.gid >= mode.size:
        raise InvalidArgument(f"the user {mode.uid}:{mode.gid} is not among {mode.size} ids; size=N makes more")
    return mode


def _fixed(given: list[tuple[str, str]]) -> Fixed:
    found: dict[str, list[IdRange]] = {"uidmapping": [], "gidmapping": []}
    for name, value in given:
        if name not in found:
            raise InvalidArgument(f"unknown option {name!r}, there are {', '.join(found)}")
        parts = value.split(":")
        if len(parts) != 3:
            raise InvalidArgument(f"{name}={value} is not CONTAINER:HOST:SIZE")
        found[name].append(IdRange(*map(_number, parts)))
    uids = tuple(found["uidmapping"] or found["gidmapping"])
    mapping = IdMapping(uids, tuple(found["gidmapping"]) or uids)
    check_mapping(mapping)
    return Fixed(mapping)
