"""The body of POST /containers/{name}/edit: a create request in which what is there is set, and all else stays."""

from typing import Any

import msgspec

from wharf.api.decode import decode
from wharf.api.extensions import translated
from wharf.apitypes.containers import ContainerConfig, HostConfig
from wharf.engine.containers.changing import Change
from wharf.errors import InvalidArgument


def decode_edit(value: Any) -> Change:
    """Raises InvalidArgument, also for members that no create request has: they could only be mistakes."""
    members = _members(value, "EditRequest", ContainerConfig, more=("HostConfig", "NetworkingConfig"))
    if members.pop("networkingconfig", None):
        raise InvalidArgument("the networks of a container cannot be edited: connect it to others, or disconnect it")
    host_members = _members(members.pop("hostconfig", None), "EditRequest.HostConfig", HostConfig)
    if not members and not host_members:
        raise InvalidArgument("an edit has to set something")
    config = decode(members, ContainerConfig, "EditRequest")
    host = decode(host_members, HostConfig, "EditRequest.HostConfig")
    return Change(_given(config, config, members), _given(host, translated(host), host_members))


def _members(value: Any, place: str, kind: type[msgspec.Struct], more: tuple[str, ...] = ()) -> dict[str, Any]:
    """What is there and not null, by names in lower case."""
    if not isinstance(value, dict | None):
        raise InvalidArgument(f"invalid JSON: {place} is not an object")
    known = {name.lower() for name in (*more, *(field.encode_name for field in msgspec.structs.fields(kind)))}
    for name in value or {}:
        if name.lower() not in known:
            raise InvalidArgument(f"unknown member {name} of {place}")
    return {name.lower(): member for name, member in (value or {}).items() if member is not None}


def _given(read: msgspec.Struct, translated: msgspec.Struct, members: dict[str, Any]) -> dict[str, Any]:
    """By the struct's own names: the members of the request, and those that its annotations stand for."""
    found = {}
    for field in msgspec.structs.fields(type(read)):
        value = getattr(translated, field.name)
        if field.encode_name.lower() in members or value != getattr(read, field.name):
            found[field.name] = value
    return found
