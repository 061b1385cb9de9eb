"""The API's section Volume, as frozen structs that read and write the wire's JSON names."""

from typing import Any

import msgspec

from wharf.apitypes.containers import Wire


class VolumeCreateRequest(Wire, frozen=True, kw_only=True):
    """POST /volumes/create. Null means the default."""

    name: str | None = ""
    driver: str | None = ""
    driver_opts: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    cluster_volume_spec: dict[str, Any] | None = None


class VolumeInspect(Wire, frozen=True, kw_only=True):
    """GET /volumes/{name}, and each entry of GET /volumes."""

    created_at: str
    driver: str
    labels: dict[str, str]
    mountpoint: str
    name: str
    options: dict[str, str]
    scope: str


class VolumeList(Wire, frozen=True, kw_only=True):
    """GET /volumes."""

    volumes: list[VolumeInspect]
    warnings: list[str] | None = None


class VolumesPruned(Wire, frozen=True, kw_only=True):
    """POST /volumes/prune. `space_reclaimed` is bytes."""

    volumes_deleted: list[str] | None = None
    space_reclaimed: int = 0


decode_create_request = msgspec.json.Decoder(VolumeCreateRequest).decode
