"""Volumes as the API shows them. Pure."""

from wharf.apitypes.system import VolumeSummary, VolumeUsage
from wharf.apitypes.volumes import VolumeInspect
from wharf.engine.volumes.record import Volume


def shown(volume: Volume, scope: str) -> VolumeInspect:
    """As a list shows it; `scope` is its driver's."""
    return VolumeInspect(
        created_at=volume.created_at,
        driver=volume.driver,
        labels=dict(volume.labels) or None,
        mountpoint=volume.mountpoint,
        name=volume.name,
        options=dict(volume.options) or None,
        scope=scope,
    )


def with_usage(volume: Volume, scope: str, *, size: int, users: int) -> VolumeSummary:
    """As `system df` shows it; `size` is bytes, or -1 where nobody can tell."""
    return VolumeSummary(
        name=volume.name,
        driver=volume.driver,
        mountpoint=volume.mountpoint,
        created_at=volume.created_at,
        labels=dict(volume.labels) or None,
        options=dict(volume.options) or None,
        scope=scope,
        usage_data=VolumeUsage(size=size, ref_count=users),
    )
