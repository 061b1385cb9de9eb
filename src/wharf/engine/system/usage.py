"""Disk usage: from lists of objects to what they take and what removing the idle ones would free. Pure."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from wharf.apitypes.containers import ContainerSummary
from wharf.apitypes.images import ImageSummary
from wharf.apitypes.system import Usage, VolumeSummary

#: States of a container in which its writable layer cannot be reclaimed.
ACTIVE: Final = frozenset({"running", "paused", "restarting"})


def image_usage(images: Sequence[ImageSummary], layers_size: int, *, verbose: bool) -> Usage:
    """`layers_size` counts a layer once, however many images share it."""
    used = [image for image in images if image.containers > 0]
    # Layers that an image in use shares with others stay; without their sizes one by one this is a lower bound.
    reclaimable = max(0, layers_size - sum(image.size for image in used))
    return Usage(
        active_count=len(used),
        total_count=len(images),
        reclaimable=reclaimable,
        total_size=layers_size,
        items=list(images) if verbose else msgspec.UNSET,
    )


def container_usage(containers: Sequence[ContainerSummary], *, verbose: bool) -> Usage:
    idle = [container for container in containers if container.state not in ACTIVE]
    return Usage(
        active_count=len(containers) - len(idle),
        total_count=len(containers),
        reclaimable=sum(_bytes(container) for container in idle),
        total_size=sum(_bytes(container) for container in containers),
        items=list(containers) if verbose else msgspec.UNSET,
    )


def volume_usage(volumes: Sequence[VolumeSummary], *, verbose: bool) -> Usage:
    return Usage(
        active_count=sum(volume.usage_data.ref_count > 0 for volume in volumes),
        total_count=len(volumes),
        reclaimable=_sum(volumes, lambda volume: volume.usage_data.ref_count == 0),
        total_size=_sum(volumes, lambda volume: True),
        items=list(volumes) if verbose else msgspec.UNSET,
    )


def _bytes(container: ContainerSummary) -> int:
    return 0 if isinstance(container.size_rw, msgspec.UnsetType) else container.size_rw


def _sum(volumes: Sequence[VolumeSummary], wanted: Callable[[VolumeSummary], bool]) -> int:
    return sum(max(0, volume.usage_data.size) for volume in volumes if wanted(volume))
