"""Records of containers that no engine has made."""

from typing import Any

from wharf.apitypes.containers import ContainerConfig, HostConfig, NetworkingConfig
from wharf.engine.containers.record import Container


def recorded(id: str = "c", name: str = "web", **more: Any) -> Container:
    """One that has nothing but what is said of it."""
    plain = Container(
        id=id,
        name=name,
        created="2026-01-01T00:00:00Z",
        image="sha256:1",
        path="true",
        args=[],
        config=ContainerConfig(),
        host=HostConfig(),
        networking=NetworkingConfig(),
    )
    return plain.with_(**more)
