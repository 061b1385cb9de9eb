"""What inspect and history say of an image."""

from datetime import datetime

import msgspec

from wharf.apitypes.containers import ContainerConfig, DriverData
from wharf.apitypes.images import HistoryItem, ImageInspect, ImageMetadata, ImageRootFS
from wharf.engine.images.catalogue import digests, tags
from wharf.engine.images.record import Image
from wharf.engine.images.stock import Stock
from wharf.spec.image_config import RunConfig


def inspect(stock: Stock, image: Image) -> ImageInspect:
    """GET /images/{name}/json."""
    names = stock.catalogue.names(image.id)
    config = image.config
    return ImageInspect(
        id=image.id,
        repo_tags=tags(names),
        repo_digests=digests(names),
        parent=image.parent,
        comment=config.comment or (config.history[-1].comment if config.history else ""),
        created=image.created,
        docker_version=config.docker_version,
        author=config.author,
        config=container_config(config.config),
        architecture=config.architecture,
        variant=config.variant or msgspec.UNSET,
        os=config.os,
        os_version=config.os_version or msgspec.UNSET,
        size=image.size,
        virtual_size=image.size,
        graph_driver=DriverData(name=stock.snapshots.name, data=stock.snapshots.image_graph_driver(image.layers)),
        root_fs=ImageRootFS(layers=list(config.rootfs.diff_ids)),
        metadata=ImageMetadata(last_tag_time=image.tagged or "0001-01-01T00:00:00Z"),
    )


def container_config(config: RunConfig) -> ContainerConfig:
    """The image's part of a container's configuration, as the API has it."""
    return msgspec.convert(msgspec.to_builtins(config), ContainerConfig)


def history(stock: Stock, image: Image) -> list[HistoryItem]:
    """GET /images/{name}/history: the newest step first, which carries the image's id and names."""
    sizes = [stock.layers.get(layer).size for layer in image.layers]
    items = []
    for step in image.config.history:
        size = 0 if step.empty_layer or not sizes else sizes.pop(0)
        items.append(
            HistoryItem(created=unix_time(step.created), created_by=step.created_by, size=size, comment=step.comment)
        )
    # Layers that the history does not tell of are there all the same.
    items += [HistoryItem(created=unix_time(image.created), size=size) for size in sizes]
    items.reverse()
    if items:
        items[0] = msgspec.structs.replace(items[0], id=image.id, tags=tags(stock.catalogue.names(image.id)) or None)
    return items


def unix_time(text: str) -> int:
    """Seconds since the epoch of an RFC 3339 time; 0 for what cannot be read, and dockerd's zero as it shows it."""
    if not text:
        return 0
    try:
        return int(datetime.fromisoformat(_microseconds(text)).timestamp())
    except (ValueError, OverflowError):
        return 0


def _microseconds(text: str) -> str:
    """A time with at most the six decimals that Python reads."""
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"
