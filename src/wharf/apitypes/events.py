"""The lines of GET /events. Pure."""

from collections.abc import Mapping

import msgspec


class EventActor(msgspec.Struct, frozen=True, kw_only=True):
    id: str = msgspec.field(name="ID", default="")
    attributes: Mapping[str, str] = msgspec.field(name="Attributes", default={})


class EventMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event. `status`, `id` and `from_` are the form before API 1.52, for containers and images only."""

    status: str = ""
    id: str = ""
    from_: str = msgspec.field(name="from", default="")
    type: str = msgspec.field(name="Type")
    action: str = msgspec.field(name="Action")
    actor: EventActor = msgspec.field(name="Actor")
    scope: str = msgspec.field(name="scope")
    time: int = msgspec.field(name="time")
    time_nano: int = msgspec.field(name="timeNano")


def event_message(
    *, type: str, action: str, id: str, attributes: Mapping[str, str], time_ns: int, legacy: bool
) -> EventMessage:
    """The line for an event. `legacy`: with the members that clients before API 1.52 read."""
    old = legacy and type in ("container", "image")
    return EventMessage(
        status=action if old else "",
        id=id if old else "",
        from_=attributes.get("image", "") if old and type == "container" else "",
        type=type,
        action=action,
        actor=EventActor(id=id, attributes=dict(attributes)),
        scope="local",
        time=time_ns // 1_000_000_000,
        time_nano=time_ns,
    )
