"""What happened, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Event:
    type: str  # "container", "image", "network", "volume", "daemon", ...
    action: str  # "start", "die", ...; may carry a detail: "exec_create: sh", "health_status: healthy"
    id: str  # of the object, as the API knows it
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    time_ns: int = 0  # nanoseconds since 1970 UTC
