"""The API's section Volume, as frozen structs that read and write the wire's JSON names."""

from collections.abc import Mapping
from typing import Any

import msgspec

from wharf.apitypes.containers import Wire


class VolumeCreateRequest(Wire, frozen=True, kw_only=True):
    """POST /volumes/create. Without a name the engine makes one up."""

    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] = {}
    labels: dict[str, str] = {}
    cluster_volume_spec: dict[str, Any] | None = None


class VolumeInspect(Wire, frozen=True, kw_only=True):
    """GET /volumes/{name}, and each entry of GET /volumes. What is empty is null, as with dockerd."""

    created_at: str
    driver: str
    labels: dict[str, str] | None
    mountpoint: str
    name: str
    options: dict[str, str] | None
    scope: str
    status: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET  # of a plugin, when it tells one

    def with_status(self, status: Mapping[str, Any]) -> "VolumeInspect":
        """The same with what the volume's driver tells."""
        return msgspec.structs.replace(self, status=dict(status)) if status else self


class VolumeList(Wire, frozen=True, kw_only=True):
    """GET /volumes."""

    volumes: list[VolumeInspect]
    warnings: list[str] | None = None


class VolumesPruned(Wire, frozen=True, kw_only=True):
    """POST /volumes/prune. `space_reclaimed` is bytes."""

    volumes_deleted: list[str] | None = None
    space_reclaimed: int = 0
