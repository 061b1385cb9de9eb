"""What the engine remembers of a volume. One JSON document in the database; it never changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

#: How dockerd marks a volume for which nobody chose a name.
ANONYMOUS: Final = "com.docker.volume.anonymous"


@dataclass(frozen=True, slots=True)
class Volume:
    name: str
    driver: str
    mountpoint: str
    created_at: str  # RFC 3339
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def anonymous(self) -> bool:
        """Whether its name was made up."""
        return ANONYMOUS in self.labels


def now() -> str:
    """The time as records have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


decode: Final = msgspec.json.Decoder(Volume).decode
encode: Final = msgspec.json.Encoder().encode
