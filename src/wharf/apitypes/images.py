"""The API's section Image, as frozen structs that read and write the wire's JSON names."""

from typing import Any

import msgspec

from wharf.apitypes.containers import ContainerConfig, DriverData, Wire


def _named(wire: str, default: Any = msgspec.NODEFAULT) -> Any:
    return msgspec.field(name=wire, default=default)


class ImageSummary(Wire, frozen=True, kw_only=True):
    """One entry of GET /images/json. `created` is Unix seconds; -1 means not counted."""

    id: str
    parent_id: str = ""
    repo_tags: list[str] = msgspec.field(default_factory=list)
    repo_digests: list[str] = msgspec.field(default_factory=list)
    created: int = 0
    size: int = 0
    shared_size: int = -1
    virtual_size: int = 0
    labels: dict[str, str] | None = None
    containers: int = -1


class ImageRootFS(Wire, frozen=True, kw_only=True):
    type: str = "layers"
    layers: list[str] = msgspec.field(default_factory=list)


class ImageMetadata(Wire, frozen=True, kw_only=True):
    last_tag_time: str = "0001-01-01T00:00:00Z"


class ImageInspect(Wire, frozen=True, kw_only=True):
    """GET /images/{name}/json."""

    id: str
    repo_tags: list[str] = msgspec.field(default_factory=list)
    repo_digests: list[str] = msgspec.field(default_factory=list)
    parent: str = ""
    comment: str = ""
    created: str = ""
    container: str = ""
    container_config: ContainerConfig = ContainerConfig()
    docker_version: str = ""
    author: str = ""
    config: ContainerConfig = ContainerConfig()
    architecture: str = ""
    variant: str | msgspec.UnsetType = msgspec.UNSET
    os: str = ""
    os_version: str | msgspec.UnsetType = msgspec.UNSET
    size: int = 0
    virtual_size: int = 0
    graph_driver: DriverData = DriverData(name="")
    root_fs: ImageRootFS = _named("RootFS", ImageRootFS())
    metadata: ImageMetadata = ImageMetadata()


class HistoryItem(Wire, frozen=True, kw_only=True):
    """One entry of GET /images/{name}/history, newest first. `created` is Unix seconds."""

    id: str = "<missing>"
    created: int = 0
    created_by: str = ""
    tags: list[str] | None = None
    size: int = 0
    comment: str = ""


class DeleteItem(Wire, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of DELETE /images/{name}: a name that is gone, or an image or layer."""

    untagged: str = ""
    deleted: str = ""


class ImagesPruned(Wire, frozen=True, kw_only=True):
    """POST /images/prune."""

    images_deleted: list[DeleteItem] | None = None
    space_reclaimed: int = 0
