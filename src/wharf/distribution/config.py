"""What the client needs to know besides the reference: credentials, and how registries may be reached."""

from dataclasses import dataclass, field
from typing import Final

DEFAULT_DOWNLOADS: Final = 3


@dataclass(frozen=True, slots=True)
class RegistryAuth:
    """What a user logs in with, as X-Registry-Auth carries it. Secrets stay out of repr()."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)
    server_address: str = ""


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """The daemon's options for registries."""

    insecure: tuple[str, ...] = ()  # host[:port] or CIDR: plain HTTP and unchecked certificates are allowed
    mirrors: tuple[str, ...] = ()  # URLs, tried before docker.io
    max_concurrent_downloads: int = DEFAULT_DOWNLOADS
